"""Format ``github``: webhooks of GitHub.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from collections.abc import Callable
from typing import Any

from tigrest import Handler, HookIgnored, HookPost

from ._forge import EVENTS, Story, actor, link, repository, story
from ._reading import excerpt, expect, first_line, inside, object_of, text


class GitHub(Handler):
    """Pushes, issues, pull requests, comments, releases and failed workflows of GitHub; what else it sends is ignored."""

    hookFormat = "github"
    hookSigned = True

    def read_hook(self, post: HookPost) -> dict[str, Any] | HookIgnored:
        event = post.headers.get("x-github-event", "")
        expect(event and "x-gitea-event" not in post.headers, "header X-GitHub-Event")
        data = object_of(post, "payload")
        if event == "ping":
            return story(f"The hook of {repository(data)} works: {text(data, 'zen')}".rstrip(": "))
        tell = (EVENTS | OWN_EVENTS).get(event)
        return HookIgnored(f"the event {event[:80]} means nothing to people") if tell is None else tell(data)


def workflow_run(data: dict[str, Any]) -> Story:
    """Describe a workflow that did not succeed."""
    run = inside(data, "workflow_run")
    conclusion = text(run, "conclusion")
    if text(data, "action") != "completed" or conclusion in ("success", "skipped", "neutral", "cancelled"):
        return HookIgnored(f"a workflow that is {conclusion or text(data, 'action') or 'running'}")
    head = f"Workflow {text(run, 'name')} in {repository(data)} ({text(run, 'head_branch')}): {conclusion.replace('_', ' ')}"
    return story(head, link(run), quote=first_line(run.get("display_title")))


def review(data: dict[str, Any]) -> Story:
    """Describe a review of a pull request."""
    about, pull = inside(data, "review"), inside(data, "pull_request")
    did = {"approved": "approved", "changes_requested": "requested changes of"}.get(text(about, "state").lower())
    if text(data, "action") != "submitted" or did is None:
        return HookIgnored("a review without a verdict; its comments come besides")
    head = f"{actor(data)} {did} pull request #{text(pull, 'number')} in {repository(data)}: {first_line(pull.get('title'), 200)}"
    return story(head, link(about), quote=excerpt(about.get("body")))


def fork(data: dict[str, Any]) -> Story:
    """Describe a fork."""
    return story(f"{actor(data)} forked {repository(data)}", link(inside(data, "forkee")))


def discussion(data: dict[str, Any]) -> Story:
    """Describe a discussion that somebody began."""
    about = inside(data, "discussion")
    if text(data, "action") != "created":
        return HookIgnored(f"a discussion that is {text(data, 'action') or 'changed'}")
    return story(f"{actor(data)} began a discussion in {repository(data)}: {first_line(about.get('title'), 200)}", link(about))


OWN_EVENTS: dict[str, Callable[[dict[str, Any]], Story]] = {
    "workflow_run": workflow_run,
    "pull_request_review": review,
    "fork": fork,
    "discussion": discussion,
}
"""Events that GitHub alone has, or has otherwise."""
