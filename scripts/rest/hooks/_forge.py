"""Shared by GitHub and Gitea, whose events are alike: what happened, in one line, with a few lines more and a link."""

from collections.abc import Callable
from typing import Any

from tigrest import HookIgnored

from ._reading import excerpt, expect, first_line, inside, objects, text

COMMITS = 5
"""Most commits of a push that are shown."""

Story = dict[str, Any] | HookIgnored
"""Names that a template may use: ``head``, ``lines``, ``more``, ``quote`` and ``url``."""


def story(head: str, url: str = "", *, lines: list[str] | None = None, more: int = 0, quote: str = "") -> Story:
    """Return what a template shows."""
    return {"head": head, "url": url, "lines": lines or [], "more": more, "quote": quote}


def repository(data: dict[str, Any]) -> str:
    """Return the name of the repository, or of the organisation."""
    return text(data, "repository", "full_name") or text(data, "organization", "login") or "a repository"


def actor(data: dict[str, Any]) -> str:
    """Return who did it."""
    for names in (("sender", "login"), ("sender", "username"), ("pusher", "name"), ("pusher", "login")):
        if name := text(data, *names):
            return name
    return "somebody"


def branch(ref: str) -> str:
    """Return the name of a branch or tag."""
    return ref.removeprefix("refs/heads/").removeprefix("refs/tags/")


def push(data: dict[str, Any]) -> Story:
    """Describe commits that were pushed."""
    ref, commits = text(data, "ref"), objects(data.get("commits"))
    expect(ref and text(data, "after"), "ref and after of a push")
    where = f"{repository(data)} ({branch(ref)})"
    if data.get("deleted") or not text(data, "after").strip("0"):
        return story(f"{actor(data)} deleted {branch(ref)} in {repository(data)}")
    url = text(data, "compare") or text(data, "compare_url")
    count = data.get("total_commits")
    total = max(len(commits), count if isinstance(count, int) else 0)
    if not commits:
        kind = "tag" if ref.startswith("refs/tags/") else "branch"
        return story(f"{actor(data)} pushed the {kind} {branch(ref)} to {repository(data)}", url)
    forced = "force-pushed" if data.get("forced") else "pushed"
    lines = [f"{text(each, 'id')[:7]} {first_line(each.get('message'))} – {author(each)}" for each in commits[:COMMITS]]
    head = f"{actor(data)} {forced} {total} commit{'s' if total > 1 else ''} to {where}"
    return story(head, url, lines=lines, more=max(0, total - COMMITS))


def author(commit: dict[str, Any]) -> str:
    """Return who wrote a commit."""
    return text(commit, "author", "name") or text(commit, "author", "username") or "somebody"


ISSUE_ACTIONS = ("opened", "closed", "reopened", "deleted", "transferred")


def issue(data: dict[str, Any]) -> Story:
    """Describe an issue."""
    action, about = text(data, "action"), inside(data, "issue")
    if action not in ISSUE_ACTIONS:
        return HookIgnored(f"an issue that is {action or 'changed'}")
    quote = excerpt(about.get("body")) if action == "opened" else ""
    return story(f"{actor(data)} {action} issue #{text(about, 'number')} in {repository(data)}: {title(about)}", link(about), quote=quote)


PULL_ACTIONS = ("opened", "closed", "reopened", "ready_for_review", "merged")


def pull_request(data: dict[str, Any]) -> Story:
    """Describe a pull request."""
    action, about = text(data, "action"), inside(data, "pull_request")
    if action not in PULL_ACTIONS:
        return HookIgnored(f"a pull request that is {action or 'changed'}")
    did = "merged" if action == "closed" and about.get("merged") else action.replace("_", " ")
    did = "marked as ready" if did == "ready for review" else did
    quote = excerpt(about.get("body")) if action == "opened" else ""
    return story(
        f"{actor(data)} {did} pull request #{text(about, 'number')} in {repository(data)}: {title(about)}", link(about), quote=quote
    )


def comment(data: dict[str, Any]) -> Story:
    """Describe a comment on an issue, a pull request, or a commit."""
    if text(data, "action") not in ("created", ""):
        return HookIgnored(f"a comment that is {text(data, 'action')}")
    about, said = inside(data, "issue") or inside(data, "pull_request"), inside(data, "comment")
    on = f"#{text(about, 'number')} {title(about)}" if about else f"commit {text(said, 'commit_id')[:7]}"
    return story(f"{actor(data)} commented on {on} in {repository(data)}", link(said), quote=excerpt(said.get("body")))


def release(data: dict[str, Any]) -> Story:
    """Describe a release."""
    about = inside(data, "release")
    if text(data, "action") != "published":  # "released" comes besides, for the same
        return HookIgnored(f"a release that is {text(data, 'action') or 'changed'}")
    name = text(about, "name") or text(about, "tag_name")
    return story(f"{actor(data)} released {name} of {repository(data)}", link(about), quote=excerpt(about.get("body")))


def created(data: dict[str, Any]) -> Story:
    """Describe a new branch or tag."""
    return story(f"{actor(data)} created the {text(data, 'ref_type') or 'branch'} {branch(text(data, 'ref'))} in {repository(data)}")


def deleted(data: dict[str, Any]) -> Story:
    """Describe a branch or tag that is no more."""
    return story(f"{actor(data)} deleted the {text(data, 'ref_type') or 'branch'} {branch(text(data, 'ref'))} in {repository(data)}")


def title(about: dict[str, Any]) -> str:
    """Return the title of an issue or a pull request, in one line."""
    return first_line(about.get("title"), 200)


def link(about: dict[str, Any]) -> str:
    """Return the address of something for people."""
    return text(about, "html_url") or text(about, "url")


EVENTS: dict[str, Callable[[dict[str, Any]], Story]] = {
    "push": push,
    "issues": issue,
    "pull_request": pull_request,
    "issue_comment": comment,
    "commit_comment": comment,
    "pull_request_review_comment": comment,
    "pull_request_comment": comment,
    "release": release,
    "create": created,
    "delete": deleted,
}
"""Events that both have, by the names that they send in a header."""
