"""Is a password verifier computed as the standard and PostgreSQL say?"""

from __future__ import annotations

import base64
import hmac

import pytest
from ansible.module_utils.namaskah_database.scram import ITERATIONS, matches, new_verifier, verifier

# RFC 7677, section 3: user "user", password "pencil", and the server signature that belongs to this exchange.
SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
NONCE = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
EXCHANGE = f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={NONCE}"
SERVER_SIGNATURE = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_verifier_signs_the_exchange_of_the_standard() -> None:
    server_key = base64.b64decode(verifier("pencil", SALT, 4096).rpartition(":")[2])
    signature = hmac.digest(server_key, EXCHANGE.encode(), "sha256")
    assert base64.b64encode(signature).decode() == SERVER_SIGNATURE


def test_new_verifiers_differ_and_match_their_password_alone() -> None:
    first, second = new_verifier("pencil"), new_verifier("pencil")
    assert first != second
    assert first.startswith(f"SCRAM-SHA-256${ITERATIONS}:")
    assert matches(first, "pencil")
    assert matches(second, "pencil")
    assert not matches(first, "Pencil")


def test_another_count_of_iterations_is_taken_from_the_stored_verifier() -> None:
    """A server may be set to more iterations (scram_iterations, PostgreSQL 16 and later)."""
    assert matches(verifier("pencil", SALT, 10000), "pencil")


@pytest.mark.parametrize("stored", ["", "md5c4b3e0d5e5e5a0a2c5a5e6c5a1b2c3d4", "SCRAM-SHA-256$4096:", "pencil"])
def test_other_verifiers_never_match(stored: str) -> None:
    """An old md5 verifier is replaced, also where it belongs to the same password."""
    assert not matches(stored, "pencil")
