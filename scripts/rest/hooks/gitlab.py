"""Format ``gitlab``: webhooks of GitLab.

https://docs.gitlab.com/user/project/integrations/webhook_events/
"""

from collections.abc import Callable
from typing import Any

from tigrest import Handler, HookIgnored, HookPost

from ._reading import excerpt, expect, first_line, inside, objects, text

COMMITS = 5
"""Most commits of a push that are shown."""

Story = dict[str, Any] | HookIgnored


class GitLab(Handler):
    """Pushes, issues, merge requests, comments, releases and failed pipelines of GitLab; what else it sends is ignored."""

    hookFormat = "gitlab"

    def read_hook(self, post: HookPost) -> dict[str, Any] | HookIgnored:
        event = post.headers.get("x-gitlab-event", "")
        expect(event, "header X-Gitlab-Event")
        data = post.object()
        kind = text(data, "object_kind") or text(data, "event_name")
        tell = EVENTS.get(kind)
        return HookIgnored(f"the event {(kind or event)[:80]} means nothing to people") if tell is None else tell(data)


def story(head: str, url: str = "", *, lines: list[str] | None = None, more: int = 0, quote: str = "") -> Story:
    """Return what the template shows."""
    return {"head": head, "url": url, "lines": lines or [], "more": more, "quote": quote}


def actor(data: dict[str, Any]) -> str:
    """Return who did it."""
    return text(data, "user_username") or text(data, "user", "username") or text(data, "user_name") or "somebody"


def project(data: dict[str, Any]) -> str:
    """Return the name of the project, with its groups."""
    return text(data, "project", "path_with_namespace") or "a project"


def push(data: dict[str, Any]) -> Story:
    """Describe commits, or a tag, that were pushed."""
    ref, commits = text(data, "ref"), objects(data.get("commits"))
    expect(ref and text(data, "after"), "ref and after of a push")
    name = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    is_tag = ref.startswith("refs/tags/")
    if not text(data, "after").strip("0"):
        return story(f"{actor(data)} deleted {'the tag ' if is_tag else ''}{name} in {project(data)}")
    if is_tag or not commits:
        return story(
            f"{actor(data)} pushed the {'tag' if is_tag else 'branch'} {name} to {project(data)}", text(data, "project", "web_url")
        )
    count = data.get("total_commits_count")
    total = max(len(commits), count if isinstance(count, int) else 0)
    lines = [
        f"{text(each, 'id')[:8]} {first_line(each.get('title') or each.get('message'))} – {text(each, 'author', 'name')}"
        for each in commits[-COMMITS:]
    ]
    url = f"{text(data, 'project', 'web_url')}/-/compare/{text(data, 'before')[:12]}...{text(data, 'after')[:12]}"
    plural = "s" if total > 1 else ""
    return story(f"{actor(data)} pushed {total} commit{plural} to {project(data)} ({name})", url, lines=lines, more=max(0, total - COMMITS))


DONE = {"open": "opened", "close": "closed", "reopen": "reopened", "merge": "merged", "approved": "approved"}
"""Actions that people want to know of, in the past."""


def issue(data: dict[str, Any]) -> Story:
    """Describe an issue."""
    return _changed("issue #", data)


def merge_request(data: dict[str, Any]) -> Story:
    """Describe a merge request."""
    return _changed("merge request !", data)


def _changed(what: str, data: dict[str, Any]) -> Story:
    about = inside(data, "object_attributes")
    action = text(about, "action")
    if action not in DONE:
        return HookIgnored(f"an event of the action {action or 'none'} of an issue or a merge request")
    quote = excerpt(about.get("description")) if action == "open" else ""
    head = f"{actor(data)} {DONE[action]} {what}{text(about, 'iid')} in {project(data)}: {first_line(about.get('title'), 200)}"
    return story(head, text(about, "url"), quote=quote)


def note(data: dict[str, Any]) -> Story:
    """Describe a comment."""
    about = inside(data, "object_attributes")
    on = next(
        (
            f"{sign}{text(data, name, 'iid')} {first_line(inside(data, name).get('title'))}"
            for name, sign in (("merge_request", "!"), ("issue", "#"))
            if inside(data, name)
        ),
        f"commit {text(data, 'commit', 'id')[:8]}" if inside(data, "commit") else "a snippet",
    )
    return story(f"{actor(data)} commented on {on} in {project(data)}", text(about, "url"), quote=excerpt(about.get("note")))


def pipeline(data: dict[str, Any]) -> Story:
    """Describe a pipeline that failed."""
    about = inside(data, "object_attributes")
    if text(about, "status") != "failed":
        return HookIgnored(f"a pipeline that is {text(about, 'status') or 'running'}")
    failed = [f"{text(each, 'stage')}: {text(each, 'name')}" for each in objects(data.get("builds")) if each.get("status") == "failed"]
    url = text(about, "url") or f"{text(data, 'project', 'web_url')}/-/pipelines/{text(about, 'id')}"
    head = f"Pipeline #{text(about, 'id')} failed in {project(data)} ({text(about, 'ref')})"
    return story(
        head, url, lines=failed[:COMMITS], more=max(0, len(failed) - COMMITS), quote=first_line(inside(data, "commit").get("title"))
    )


def release(data: dict[str, Any]) -> Story:
    """Describe a release."""
    if text(data, "action") != "create":
        return HookIgnored(f"a release of which the action is {text(data, 'action') or 'none'}")
    name = text(data, "name") or text(data, "tag")
    return story(f"{name} of {project(data)} is released", text(data, "url"), quote=excerpt(data.get("description")))


EVENTS: dict[str, Callable[[dict[str, Any]], Story]] = {
    "push": push,
    "tag_push": push,
    "issue": issue,
    "work_item": issue,
    "merge_request": merge_request,
    "note": note,
    "pipeline": pipeline,
    "release": release,
}
