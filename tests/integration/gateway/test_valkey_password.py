"""Valkey's password in a file: a client connects at every step of a change."""

from pathlib import Path
from typing import Any

import pytest
from valkey.asyncio import Valkey
from valkey.exceptions import AuthenticationError

from stock_analysis.kit.settings import Settings
from stock_analysis.kit.valkey import open_valkey
from stock_analysis.testing.valkey import PASSWORD, ValkeyServer


async def test_a_client_connects_at_every_step_of_a_change(valkey: ValkeyServer, tmp_path: Path) -> None:
    file = tmp_path / "valkey"
    settings = Settings.model_validate({"valkey_port": valkey.port, "valkey_password_file": file})

    async def connects() -> None:
        async with open_valkey(settings) as shared:
            assert await shared.check()

    admin: Any = Valkey(port=valkey.port, password=PASSWORD)
    async with admin:
        try:
            for content, change in (
                (f"{PASSWORD}\n", ()),
                (f"second\n{PASSWORD}\n", ()),
                (f"second\n{PASSWORD}\n", (">second",)),
                ("second\n", (f"<{PASSWORD}",)),
            ):
                file.write_text(content)
                await admin.execute_command("ACL", "SETUSER", "default", *change)
                await connects()
            file.write_text("third\n")
            with pytest.raises(AuthenticationError):
                await connects()
        finally:
            await admin.execute_command("ACL", "SETUSER", "default", "resetpass", f">{PASSWORD}")
