"""BOSH sessions for clients in a web page, as Converse.js asks for them at its ``prebind_url``."""

from tigrest import JID, Handler, Principal, Request, Result, Service, read_argument

from .._prebind import expect_offered, first_rid, opened_by_server, password_of_login

JSON = "application/json"


class Prebind(Handler):
    """Open a BOSH session of your own, for a client in a web page to attach to."""

    regex = r"/prebind"
    requiredRole = "user"
    checkOrigin = True
    description = {
        "GET": {
            "info": "Pre-bind a BOSH session: the prebind_url of Converse.js",
            "description": "Always JSON. Query parameters: resource, hold (most requests that the server holds) and wait (most seconds). "
            "Pages of other origins may ask only if [http] cors_origins lists them.",
            "response": '{"jid": "alice@example.com/web", "sid": "3f1b6e70-8528-44bb-8f23-77e7c4a8cf1a", "rid": 9929332}',
            "answers": {200: {JSON: {"type": "object"}}},
        },
    }

    async def exec_get(self, service: Service, principal: Principal, user: JID, request: Request) -> Result:
        query = request.query_params
        whose = user.with_resource(query["resource"]) if query.get("resource") else user
        service.policy.require(principal, "act_as", whose)
        password = password_of_login(request, principal, service)
        hold, wait = (read_argument(int, query.get(name) or default, name) for name, default in (("hold", 1), ("wait", 60)))
        headers = {"Cache-Control": "no-store"}
        if request.method == "HEAD":  # would open a session that nobody hears of
            if service.bosh is None:
                await expect_offered(service, JID(f"bosh@{service.domain}"))
            return Result(JSON, b"", headers=headers)
        if service.bosh is None:
            reply = await opened_by_server(service, principal, whose, password, hold, wait)
            assert reply.form is not None
            shown = {"jid": reply.form.value("from"), "sid": reply.form.value("sid"), "rid": first_rid(reply)}
            return Result(JSON, shown, headers=headers)
        session = await service.bosh.prebind(whose, password, hold, wait)
        return Result(JSON, {"jid": session.jid, "sid": session.sid, "rid": session.rid}, headers=headers)
