"""What edited rows share."""

from django.db import models


class EditedModel(models.Model):
    """A row that people edit; ``edit_number`` rises at every write and tells stale edits."""

    edit_number = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True
