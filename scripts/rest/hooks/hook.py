"""Hooks: what other programs post becomes messages to a user or a room."""

from tigrest import Handler, HookOutcome, HookPost, HookReceiver, HTTPException, Request, Result, UnexpectedPost, inject

SENT = {"application/json": {"type": "object", "properties": {"id": {"type": "string"}}}, "text/plain": {"type": "string"}}
"""Media types of the answer when a message was sent: the id of it, or the text that senders of some formats want."""

ACCEPTED_ONLY = {"application/json": {"type": "object", "properties": {"ignored": {"type": "string"}, "id": {"type": "string"}}}}
"""That when nothing was sent, or nothing is known of it."""

ACCEPTED = {
    "application/json": {},
    "text/plain": {"type": "string"},
    "application/x-www-form-urlencoded": {"type": "string"},
    "multipart/form-data": {},
}
"""Media types of a post, of any content: that is the affair of its format."""

REFUSED = "The post has no secret of the hook, or a wrong one."

UNLIKE = "The post has not the format of the hook; the detail says which it looks like."


class Hook(Handler):
    """Receive what a program posts. Gotify's senders add ``/message`` to the path."""

    regex = r"/([^/]+?)(?:/message)?/?"
    requiredRole = None
    decodeContent = False
    idempotencyKey = "own"
    hooks: HookReceiver = inject()
    description = {
        "regex": "/{name}[/message]",
        "example": "/backup",
        "POST": {
            "info": "Send what a program posts to a user or a room",
            "description": "Made by tigrest hook add. The secret comes as ?token=, Bearer, password of Basic, X-Gotify-Key, "
            "X-Gitlab-Token, or as a signature of the body.",
            "request": "Backup done: 12 GB in 40 minutes",
            "curl": "-H 'Authorization: Bearer SECRET'",
            "accepts": ACCEPTED,
            "answers": {200: SENT, 202: ACCEPTED_ONLY, 401: REFUSED, 422: UNLIKE},
        },
        "PUT": {
            "info": "The same, for clients of ntfy",
            "request": "Backup done",
            "curl": "-H 'Authorization: Bearer SECRET'",
            "accepts": ACCEPTED,
            "answers": {200: SENT, 202: ACCEPTED_ONLY, 401: REFUSED, 422: UNLIKE},
        },
    }

    async def exec_post(self, request: Request, name: str) -> Result:
        return answer_of(await self.hooks.receive(name, request))

    exec_put = exec_post


class Topic(Handler):
    """Receive what clients of ntfy post as JSON to the server instead of the topic: the topic is the name of the hook."""

    regex = r"/?"
    requiredRole = None
    decodeContent = False
    idempotencyKey = "own"
    hooks: HookReceiver = inject()
    description = {
        "regex": "",
        "POST": {
            "info": "Send what a client of ntfy publishes as JSON; its topic is the name of the hook",
            "request": '{"topic": "backup", "title": "Backup", "message": "done"}',
            "curl": "-H 'Authorization: Bearer SECRET'",
            "accepts": {"application/json": {"type": "object"}},
            "answers": {200: SENT, 202: ACCEPTED_ONLY, 401: REFUSED, 422: UNLIKE},
        },
    }

    async def exec_post(self, request: Request) -> Result:
        try:
            topic = HookPost("", await request.body(), request.content_type).object().get("topic")
        except UnexpectedPost as error:
            raise HTTPException(422, f"post to {request.url.path.rstrip('/')}/NAME, the name of a hook; {error}") from None
        if not isinstance(topic, str) or not topic:
            raise HTTPException(422, 'the JSON has no "topic", which names the hook')
        return answer_of(await self.hooks.receive(topic, request))


def answer_of(outcome: HookOutcome) -> Result:
    """Return the answer to a post; what is not known to have arrived is 202."""
    if outcome.ignored:
        return Result("application/json", {"ignored": outcome.ignored}, 202)
    status, headers = 200 if outcome.is_confirmed else 202, {"Idempotent-Replayed": "true"} if outcome.is_repeat else {}
    if outcome.answer is not None:
        return Result("text/plain", outcome.answer, status, headers)
    return Result("application/json", {"id": outcome.id}, status, headers)
