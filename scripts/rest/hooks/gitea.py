"""Format ``gitea``: webhooks of Gitea, Forgejo and Gogs.

https://docs.gitea.com/usage/webhooks
"""

from typing import Any

from tigrest import Handler, HookIgnored, HookPost

from ._forge import EVENTS, Story, actor, link, repository, story
from ._reading import excerpt, expect, first_line, inside, object_of, text

HEADERS = ("x-gitea-event", "x-forgejo-event", "x-gogs-event")


class Gitea(Handler):
    """Pushes, issues, pull requests, comments and releases of Gitea, Forgejo or Gogs; what else they send is ignored."""

    hookFormat = "gitea"
    hookSigned = True

    def read_hook(self, post: HookPost) -> dict[str, Any] | HookIgnored:
        event = next((post.headers[name] for name in HEADERS if post.headers.get(name)), "")
        expect(event, "header X-Gitea-Event")
        data = object_of(post, "payload")
        if event.startswith("pull_request_review_") or event in ("pull_request_approved", "pull_request_rejected"):
            return review(event, data)
        tell = EVENTS.get(event)
        return HookIgnored(f"the event {event[:80]} means nothing to people") if tell is None else tell(data)


def review(event: str, data: dict[str, Any]) -> Story:
    """Describe a review of a pull request."""
    did = {"approved": "approved", "rejected": "requested changes of"}.get(event.rpartition("_")[2])
    pull = inside(data, "pull_request")
    if did is None:
        return HookIgnored("a review without a verdict; its comments come besides")
    head = f"{actor(data)} {did} pull request #{text(pull, 'number')} in {repository(data)}: {first_line(pull.get('title'), 200)}"
    return story(head, link(pull), quote=excerpt(inside(data, "review").get("content")))
