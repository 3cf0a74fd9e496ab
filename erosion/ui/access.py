"""Who is using the page, and what that person may do.

Whoever signed in with the service of ``[auth]`` in Streamlit's secrets (OpenID Connect) is looked up in the ledger's list of
people. All others only look. Without such a service a screen that serves its own computer only may have a local operator.
"""

from __future__ import annotations

import os
from typing import Final, NamedTuple

import streamlit as st

from erosion.alerts import ledger
from erosion.core.serving import LOCAL_OPERATOR_ENV, is_this_computer
from erosion.core.vocabulary import Role
from erosion.ui import html
from erosion.ui.products.decisions import ask, problem
from erosion.words import translate
from erosion.workflow.actions import LocalOperator, Who

_PASSED_ON: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip")
"""Headers of a server that stands in front of this one: whoever asks may sit at another computer."""


class Access(NamedTuple):
    """Who is using the page."""

    who: Who | None
    """Who acts, as :mod:`erosion.workflow` takes it; None for somebody who only looks."""
    person: ledger.people.Person | None
    signed_in_as: str | None
    """What the sign-in service calls the person, on the list or not."""
    provider: bool
    """Whether there is a sign-in service."""
    local_refused: bool = False
    """Whether a local operator is named and is not taken, because others could reach the page."""
    broken: ledger.LedgerError | None = None
    """Why the list of people could not be read."""


def current() -> Access:
    """Return who is using the page, looked up anew."""
    provider = has_provider()
    name = os.environ.get(LOCAL_OPERATOR_ENV, "").strip()
    if not provider:
        if not name:
            return Access(None, None, None, provider)
        if not _only_this_computer():
            return Access(None, None, None, provider, local_refused=True)
        local = LocalOperator(name)
        return Access(local, local.person, None, provider)
    logins = _logins()
    shown = logins[-1] if logins else None
    try:
        person = ask(lambda connection: _first(connection, logins)) if logins else None
    except ledger.LedgerError as error:
        return Access(None, None, shown, provider, bool(name), error)
    return Access(None if person is None else person.login, person, shown, provider, bool(name))


def has_provider() -> bool:
    """Return whether a sign-in service is configured."""
    return st.secrets.load_if_toml_exists() and "auth" in st.secrets


def show(language: str) -> None:
    """Show who is using the page: a name in the sidebar, a ribbon for a local operator."""
    access = current()
    if isinstance(access.who, LocalOperator):
        html.show(
            f'<div class="er-ribbon" role="alert">{html.safe(translate(language, "access.local", name=access.who.name))}'
            f"<small>{html.safe(translate(language, 'access.local.more'))}</small></div>"
        )
    if access.local_refused:
        html.show(
            html.banner(
                "bad", translate(language, "access.local.refused"), translate(language, "access.local.refused.more")
            )
        )
    if access.broken is not None:
        html.show(problem(access.broken, language))
    with st.sidebar:
        html.show(html.note(described(access, language)))
        if access.provider and access.signed_in_as is None:
            if st.button(translate(language, "access.login"), icon=":material/login:", key="login", width="stretch"):
                st.login()
        elif access.provider and st.button(
            translate(language, "access.logout"), icon=":material/logout:", key="logout", width="stretch"
        ):
            st.logout()


def described(access: Access, language: str) -> str:
    """Return in words who is using the page and what that means."""
    person = access.person
    if person is None:
        if access.signed_in_as is not None:
            return translate(language, "access.unlisted", login=access.signed_in_as)
        return translate(language, "access.visitor" if access.provider else "access.no_login")
    role = translate(language, f"role.{person.role}")
    if person.role == Role.COMMUNE_OFFICER:
        return translate(language, "access.commune", name=person.name, role=role, communes=", ".join(person.communes))
    return translate(language, "access.person", name=person.name, role=role)


def _logins() -> list[str]:
    """Return what the sign-in service calls the person: subject, then e-mail where the service has checked it."""
    user = st.user.to_dict()
    if not user.get("is_logged_in"):
        return []
    email = user.get("email") if user.get("email_verified") is True else None  # else anybody could claim an address
    return [str(login) for login in (user.get("sub"), email) if login]


def _first(connection: ledger.Connection, logins: list[str]) -> ledger.people.Person | None:
    found = (ledger.people.person_at(connection, login) for login in logins)
    return next((person for person in found if person is not None), None)


def _only_this_computer() -> bool:
    address = st.get_option("server.address")
    headers = st.context.headers
    return bool(address) and is_this_computer(str(address)) and not any(name in headers for name in _PASSED_ON)
