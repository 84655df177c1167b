"""Avatars of users: looked up in PEP, vCard4 and vcard-temp, cached, and set."""

from tigrest.avatars.avatar import Avatar
from tigrest.avatars.avatars import Avatars, AvatarSettings
from tigrest.avatars.cache import AvatarCache
from tigrest.avatars.entries import PUBSUB, Source
from tigrest.avatars.fetching import Fetcher

__all__ = ["PUBSUB", "Avatar", "AvatarCache", "AvatarSettings", "Avatars", "Fetcher", "Source"]
