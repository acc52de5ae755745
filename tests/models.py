"""AWS's models, as botocore brings them: reading them takes most of the time that it takes to make a client."""

from __future__ import annotations

import functools
from typing import Any

import botocore.loaders


@functools.cache
def cache() -> None:
    """Makes botocore read each file once in this process, instead of once in each of its sessions."""
    files, loaders = botocore.loaders.JSONFileLoader, botocore.loaders.Loader
    read, names = files.load_file, loaders.list_available_services
    data = functools.cache(lambda path: read(files(), path))
    services = functools.cache(lambda kind: names(botocore.loaders.create_loader(), kind))

    def load_file(self: Any, file_path: str) -> Any:
        return data(file_path)

    def list_available_services(self: Any, type_name: str) -> Any:
        return services(type_name)

    files.load_file, loaders.list_available_services = load_file, list_available_services
