"""Users of the installation: Django's own pages, with what belongs to a user going along."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.http import HttpRequest

from balancer.rights import Right, has_right

if TYPE_CHECKING:  # generic for the type checker only
    DjangoUserAdmin = UserAdmin[Any]
else:
    DjangoUserAdmin = UserAdmin

admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(DjangoUserAdmin):
    """Adds, changes and deletes users; only administrators see them."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Say what is deleted: the users with their tokens, keys, drafts and preferences.

        Those rows are not to be deleted one by one, which must not keep their owner.
        """
        names = [str(user) for user in objs]
        counts = {self.opts.verbose_name_plural: len(names)}
        may_delete = has_right(request.user, Right.ADMINISTER)
        return names, counts, set() if may_delete else {self.opts.verbose_name}, []
