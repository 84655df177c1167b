"""Avatars of users: looked up in PEP, vCard4 and vcard-temp, cached, and set."""

from tigrest.service.avatars.avatar import Avatar
from tigrest.service.avatars.avatars import Avatars, AvatarSettings
from tigrest.service.avatars.cache import AvatarCache
from tigrest.service.avatars.entries import AvatarSource
from tigrest.service.avatars.fetching import Fetcher

__all__ = ["Avatar", "AvatarCache", "AvatarSettings", "AvatarSource", "Avatars", "Fetcher"]
