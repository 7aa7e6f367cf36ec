"""The machines of an archive: the name that is shown of each, and in phi the files' own text if it is not shown."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from echosearch.device import hidden_label, is_shown, patient_words, tidy
from echosearch.pseudonyms import Keyring
from echosearch.video import VideoHeader

__all__ = ["devices_here", "shown_device", "study_devices"]


def shown_device(connection: Connection, keyring: Keyring, header: VideoHeader) -> str | None:
    """Return the device to store and show for this video; a text that is not shown is kept in phi, with its label."""
    said = tidy(header.device)
    if said is None:
        return None
    names = patient_words(said, header.patient_name, header.patient_id)
    if is_shown(said, names):
        return said
    label = hidden_label(said, keyring.key("device", said), names)
    connection.execute(
        text("insert into phi.device (text, label) values (:text, :label) on conflict (text) do nothing"),
        {"text": said, "label": label},
    )
    stored: str = connection.execute(text("select label from phi.device where text = :t"), {"t": said}).scalar_one()
    return stored


def devices_here(connection: Connection) -> dict[str, str]:
    """Return label -> the files' own text, of every device that a video has; the label again if phi may not be read."""
    labels = connection.scalars(
        text(  # one step of the index a device, however many videos there are
            "with recursive d(device) as (select min(device) from core.video"
            " union all select (select min(v.device) from core.video v where v.device > d.device)"
            " from d where d.device is not null) select device from d where device is not null"
        )
    )
    devices = {label: label for label in labels}
    allowed = connection.scalar(
        text(
            "select case when has_schema_privilege('phi', 'usage')"
            " then has_table_privilege('phi.device', 'select') else false end"
        )
    )
    if allowed:
        rows = connection.execute(text("select label, text from phi.device"))
        devices |= {row.label: row.text for row in rows if row.label in devices}
    return devices


def study_devices(connection: Connection, studies: Sequence[str]) -> dict[str, str]:
    """Return the device of most videos of each of these studies, as it may be shown; no key where none is known."""
    rows = connection.execute(
        text(
            "select cast(study_key as text) as study, mode() within group (order by device) as device"
            " from core.video where study_key = any(cast(:keys as uuid[])) and device is not null group by study_key"
        ),
        {"keys": list(studies)},
    )
    return {row.study: row.device for row in rows}
