"""What a wheel carries besides the code; everything else of the build stands in pyproject.toml.

Grids, protocols and the published record are kept once, outside the package. In a wheel each of these folders lies
under `suite/shipped/`, at its path in the repository; `suite.spec.shipped` finds it there or in the checkout.
"""

from setuptools import find_namespace_packages, setup

packages, places = find_namespace_packages(include=["suite*"], exclude=["*__pycache__*"]), {}
for folder in ("experiments", "results/published"):
    root = f"suite.shipped.{folder.replace('/', '.')}"
    packages += [root, *(f"{root}.{name}" for name in find_namespace_packages(folder))]
    places[root] = folder

setup(packages=packages, package_dir=places, package_data={"": ["*.yaml", "*.csv", "*.md", "*.txt"]})
