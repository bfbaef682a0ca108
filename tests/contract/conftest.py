"""What the contract tests share: the document, and the application that it describes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from litestar import Litestar

from signaling.web.app import create_litestar
from signaling.web.auth import ApiKeys
from signaling.web.docs import openapi_document

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """The OpenAPI document as it is published."""
    return openapi_document()


@pytest.fixture(scope="session")
def application() -> Litestar:
    """The application with all its routes; never run."""

    def node() -> Any:
        raise LookupError("not running")

    return create_litestar(
        node=node, keys=ApiKeys(("key",)), allowed_origins=("*",), metrics_public=False, ice_servers=()
    )


@pytest.fixture(scope="session")
def build() -> ModuleType:
    """openapi/build.py, as a module."""
    spec = importlib.util.spec_from_file_location("openapi_build", ROOT / "openapi" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
