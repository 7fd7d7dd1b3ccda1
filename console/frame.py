"""What every page shows around its content: regions, navigation, the user and their preferences."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from balancer.choices import Theme
from balancer.models import Region, UserPreference
from balancer.rights import Right, Role, has_right
from balancer.selectors.inventory import list_regions
from balancer.services.preferences import get_preference
from console.toasts import Toast, take_toasts


@dataclass(frozen=True, slots=True)
class NavigationLink:
    """One row of the navigation; ``section`` is what a page names to be current."""

    section: str
    label: str
    icon: str
    url: str


class Frame:
    """Reads what the frame needs when a template asks for it, each thing once a request."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @property
    def user(self) -> Any:
        """Return who is signed in."""
        return self._request.user

    @cached_property
    def preference(self) -> UserPreference:
        """Return what the user has set for themselves, or the defaults."""
        if not self.user.is_authenticated:
            return UserPreference()
        return get_preference(self.user)

    @property
    def theme(self) -> str:
        """Return light or dark, or nothing when the system decides."""
        theme = self.preference.theme
        return "" if theme == Theme.SYSTEM else theme

    @property
    def themes(self) -> list[tuple[str, str, str]]:
        """Return what the theme switch offers: value, label, icon."""
        return [
            (Theme.LIGHT.value, "Light", "sun"),
            (Theme.DARK.value, "Dark", "moon"),
            (Theme.SYSTEM.value, "As the system", "system"),
        ]

    @cached_property
    def regions(self) -> list[Region]:
        """Return every region the user may enter."""
        return list(list_regions(self.user))

    @cached_property
    def region_id(self) -> str:
        """Return the region of this page, else the one last visited, else the default."""
        match = self._request.resolver_match
        named = match.kwargs.get("region_id") if match else None
        known = {region.public_id for region in self.regions}
        wanted = (named, self.preference.last_region, settings.OPENCLB_DEFAULT_REGION)
        return next((each for each in wanted if each in known), wanted[-1])

    @property
    def region(self) -> Region | None:
        """Return the region of this page, when it exists."""
        return next((each for each in self.regions if each.public_id == self.region_id), None)

    @cached_property
    def can_change(self) -> bool:
        """Tell whether change buttons make sense for the user."""
        return has_right(self.user, Right.CHANGE)

    @cached_property
    def role(self) -> str:
        """Return the user's strongest role, in words."""
        if has_right(self.user, Right.ADMINISTER):
            return Role.ADMIN.value.title()
        if not has_right(self.user, Right.VIEW):
            return "No role yet"
        return (Role.OPERATOR if self.can_change else Role.VIEWER).value.title()

    @property
    def navigation(self) -> list[NavigationLink]:
        """Return the parts of the product that exist."""
        region = self.region_id
        return [
            NavigationLink(
                "instances", "Instances", "instances", reverse("load-balancer-list", args=[region])
            ),
            NavigationLink(
                "access", "Access control", "access", reverse("access-list-list", args=[region])
            ),
            NavigationLink(
                "certificates",
                "Certificates",
                "certificate",
                reverse("certificate-list", args=[region]),
            ),
            NavigationLink(
                "activity", "Operation log", "log", reverse("activity-list", args=[region])
            ),
        ]

    @property
    def closed_banners(self) -> list[str]:
        """Return the banners that the user does not want to see again."""
        return list(self.preference.closed_banners)

    @cached_property
    def toasts(self) -> list[Toast]:
        """Return the queued toasts; asking empties the queue."""
        return take_toasts(self._request)


def frame(request: HttpRequest) -> dict[str, Frame]:
    """Context processor: give templates the frame of this request."""
    if not hasattr(request, "frame"):
        request.frame = Frame(request)  # type: ignore[attr-defined]
    return {"frame": request.frame}  # type: ignore[attr-defined]
