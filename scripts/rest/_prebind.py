"""BOSH sessions that the server opens by a command of its own, as Tigase does."""

from tigrest import JID, CommandReply, HTTPException, Principal, Request, Service, StanzaError, StanzaTimeout, read_basic

NODE = "pre-bind-bosh-session"


async def opened_by_server(service: Service, principal: Principal, whose: JID, password: str, hold: int, wait: int) -> CommandReply:
    """Open a BOSH session by the command of ``bosh@domain``, with the gateway's rights.

    Args:
        service: access to XMPP.
        principal: who wants it: for himself, with the password that the server has for him, or for anybody as an admin.
        whose: whom to log in; without resource the server chooses one.
        password: of a caller who is no admin. The server asks for none, so the gateway checks it.
        hold, wait: of the session. XEP-0124 §7

    Raises:
        HTTPException: he may not, or the server has no such command, or opens none.
    """
    service.policy.require(principal, "act_as", whose)
    bosh = JID(f"bosh@{service.domain}")
    await expect_offered(service, bosh)
    if not principal.is_admin and not await service.check_credentials(whose.bare, password):
        raise HTTPException(403, f"the server does not accept this password of {whose.bare}")
    reply = await service.adhoc.execute(bosh, NODE, {"from": whose, "hold": str(hold), "wait": str(wait)})
    if reply.form is None or not reply.form.value("sid") or not reply.form.value("rid").isdigit():
        raise HTTPException(502, f"{bosh} opened no session for {whose}")
    return reply


def password_of_login(request: Request, principal: Principal, service: Service) -> str:
    """Return the password that a caller has logged in with.

    Raises:
        HTTPException: he came with a token.
    """
    if principal.via == "bearer":
        raise HTTPException(403, "a session is opened with the password: log in by HTTP Basic with the password, not with a token")
    return read_basic(request.headers.get("Authorization", "").encode("latin-1"), service.domain)[1]


def first_rid(reply: CommandReply) -> int:
    """Return the rid of the client's first request: Tigase tells that of the last request that it has counted. XEP-0124 §9.3"""
    assert reply.form is not None
    return int(reply.form.value("rid")) + 1


async def expect_offered(service: Service, bosh: JID) -> None:
    """Refuse what needs a command of the server that it does not have.

    Raises:
        HTTPException: it has no command that opens BOSH sessions.
    """
    try:
        offered = await service.adhoc.list(bosh)
    except (StanzaError, StanzaTimeout):
        offered = []
    if not any(item.node == NODE for item in offered):
        raise HTTPException(501, "there is no BOSH here: the embedded domain has none; on the component back end set [bosh] url")
