"""Avatars of users: looked up in PEP, vCard4 and vcard-temp, cached, and set."""

from tigrest.service.avatars.avatar import Avatar
from tigrest.service.avatars.avatars import Avatars, AvatarSettings
from tigrest.service.avatars.cache import AvatarCache
from tigrest.service.avatars.entries import PUBSUB, Source
from tigrest.service.avatars.fetching import Fetcher

__all__ = ["PUBSUB", "Avatar", "AvatarCache", "AvatarSettings", "Avatars", "Fetcher", "Source"]
