"""Model admins whose writes go through the services, and those that only show.

A service may refuse while the admin is in the middle of saving. The refusal then leaves the
admin's transaction, which undoes everything, and the same page is made once more with a form that
already knows what is wrong: errors stand at their fields and nothing that was typed is lost.
"""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.db import IntegrityError, models, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from balancer.actors import Actor
from balancer.admin.forms import EXPECTED, EditedForm, ServiceForm, WholeNumberField
from balancer.choices import Entrance
from balancer.exceptions import BalancerError, Conflict
from balancer.rights import Right, has_right

EDITED_READONLY = ["public_id", "edit_number", "created_at", "updated_at"]

if TYPE_CHECKING:  # generic for the type checker only
    AnyAdmin = admin.options.BaseModelAdmin[Any]
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    AnyAdmin = admin.options.BaseModelAdmin
    ModelAdmin = admin.ModelAdmin
    TabularInline = admin.TabularInline


def actor_of(request: HttpRequest) -> Actor:
    """Return who makes a change through the admin."""
    assert request.user.is_authenticated, "the admin asked already"
    return Actor.person(request.user, Entrance.ADMIN)


def _refusal_of(error: BalancerError | IntegrityError) -> BalancerError:
    """Return what stood in the way; two people storing the same at once meet in the database."""
    if isinstance(error, BalancerError):
        return error
    return Conflict("conflict", "Something stored at the same moment stands in the way; try again.")


class RightsMixin(AnyAdmin):
    """A role's rights are asked beside Django's own model permissions."""

    write_right: ClassVar[Right] = Right.CHANGE

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user may look."""
        return has_right(request.user, Right.VIEW) and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Tell whether the user may add rows."""
        return self._may_write(request) and super().has_add_permission(request, *args)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user may change rows."""
        return self._may_write(request) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user may delete rows."""
        return self._may_write(request) and super().has_delete_permission(request, obj)

    def _may_write(self, request: HttpRequest) -> bool:
        return has_right(request.user, self.write_right)


class OwnRowsMixin(AnyAdmin):
    """Rows of single people: everyone sees their own, administrators all of them."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return what the user may see."""
        rows = super().get_queryset(request)
        return rows if has_right(request.user, Right.ADMINISTER) else self.own(rows, request.user)

    def own(self, rows: QuerySet[Any], user: Any) -> QuerySet[Any]:
        """Return the rows that are the user's."""
        return rows.filter(user=user)


class ReadOnlyMixin(RightsMixin):
    """The system owns these rows: they are shown and never edited."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Nobody adds them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes them."""
        return False


class ReadOnlyAdmin(ReadOnlyMixin, ModelAdmin):
    """Shows rows that the system owns, with all their columns."""

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return every column but the database key and what is kept out of sight."""
        hidden = {"id", *(self.exclude or ())}
        return [field.name for field in self.opts.fields if field.name not in hidden]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the same: what is not editable is shown, too."""
        return self.get_fields(request, obj)


class ReadOnlyInline(ReadOnlyMixin, TabularInline):
    """Shows rows below their parent, each with a link to its own page."""

    extra = 0
    show_change_link = True
    can_delete = False


class ServiceAdmin(RightsMixin, ModelAdmin):
    """Adds, changes and deletes rows through services that a subclass names."""

    form = ServiceForm
    formfield_overrides = {models.IntegerField: {"form_class": WholeNumberField}}
    readonly_on_change: ClassVar[tuple[str, ...]] = ()

    def create_row(self, actor: Actor, values: dict[str, Any]) -> Model:
        """Call the service that makes a row of these values."""
        raise NotImplementedError

    def change_row(
        self, actor: Actor, row: Any, changes: dict[str, Any], expected: int | None
    ) -> None:
        """Call the services that make these changes."""
        raise NotImplementedError

    def delete_row(self, actor: Actor, row: Any) -> None:
        """Call the service that deletes the row."""
        raise NotImplementedError

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what is never edited, and what is not edited once the row exists."""
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields + (self.readonly_on_change if obj is not None else ())

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Return the form, with the refusal of a service that was asked a moment ago."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.refusal = getattr(request, "refusal", None)
        return form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show or save the form; a refusal shows it again (see the module)."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (BalancerError, IntegrityError) as error:
            request.refusal = _refusal_of(error)  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write through the services, and let ``obj`` be what they stored."""
        actor = actor_of(request)
        if change:
            row = self.model._default_manager.get(pk=obj.pk)
            expected = form.cleaned_data.get(EXPECTED)
            self.change_row(actor, row, form.changes(), expected)
        else:
            obj.pk = self.create_row(actor, form.values()).pk
            obj._state.adding = False
        obj.refresh_from_db()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Leave what the row points at alone: the services have stored that, too."""
        for formset in formsets:
            self.save_formset(request, form, formset, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Leave rows below alone: they are shown, or a subclass hands them to a service."""
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete through the service."""
        self.delete_row(actor_of(request), obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete several through the service: all of them or none."""
        with transaction.atomic():
            for row in queryset:
                self.delete_row(actor_of(request), row)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name the rows; whether anything stands in the way is the service's to say."""
        names = [str(row) for row in objs]
        counts = {self.opts.verbose_name_plural: len(names)}
        needed = set() if self.has_delete_permission(request) else {self.opts.verbose_name}
        return names, counts, needed, []

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask and delete; a refusal is said above the row's page."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except BalancerError as error:
            self.message_user(request, error.message, messages.ERROR)
            return HttpResponseRedirect(self._address("change", object_id))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show the list or carry out an action on it, whole or not at all."""
        if request.method != "POST":
            return super().changelist_view(request, extra_context)
        try:
            with transaction.atomic():
                return super().changelist_view(request, extra_context)
        except BalancerError as error:
            self.message_user(request, error.message, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def _address(self, page: str, *arguments: Any) -> str:
        name = f"{self.opts.app_label}_{self.opts.model_name}_{page}"
        return reverse(f"{self.admin_site.name}:{name}", args=arguments)


class EditedAdmin(ServiceAdmin):
    """A service admin of rows that people edit: the edit that was read is checked again."""

    form = EditedForm
    readonly_fields = EDITED_READONLY
