"""Which names of an environment file does the contract call public? Those whose values everybody can read already."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.playing import play

ROLE = {"name": "Role", "ansible.builtin.include_role": {"name": "application"}}
PLAIN = """
namaskah_app: shop
namaskah_environment: production
namaskah_repository: unused
namaskah_services: {}
namaskah_public_names: [DECLARED]
provision_database_name: shopdata
place: {host: [db1.example]}
some_password: written-in-plain
provision_environment:
  DB_NAME: "{{ provision_database_name }}"
  DB_HOST: db1.example
  DECLARED: whatever
  LITERAL: written-here-alone
  PLAIN_PASSWORD: written-in-plain
  OF_A_FILE: "{{ of_a_file }}"
  INLINE: "{{ inline }}"
  MISSING: "{{ lookup('env', 'NOT_THERE') }}"
"""


def test_in_doubt_it_is_a_secret(tmp_path: Path) -> None:
    """Also what stands unencrypted under the name of a password, or in the environment file's variable alone."""
    password, folder = tmp_path / "password", tmp_path / "group_vars" / "all"
    password.write_text("vault password\n")
    folder.mkdir(parents=True)
    vault = [str(Path(sys.executable).parent / "ansible-vault")]
    with_password = ["--vault-password-file", str(password)]
    told = subprocess.run(
        [*vault, "encrypt_string", *with_password, "--name", "inline", "hidden-inline"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (folder / "main.yml").write_text(f"{PLAIN}\n{told}\n")
    (folder / "more.yml").write_text("of_a_file: hidden-in-a-file\n")
    subprocess.run([*vault, "encrypt", *with_password, str(folder / "more.yml")], check=True, capture_output=True)
    played = play([ROLE], tmp_path, env={"ANSIBLE_VAULT_PASSWORD_FILE": str(password)})
    assert played.status == 0, played.output
    (contract,) = (answer["contract"] for name, answer in played.answers if name.endswith("Settle the contract"))
    assert contract["public_names"] == ["DB_HOST", "DB_NAME", "DECLARED"]
