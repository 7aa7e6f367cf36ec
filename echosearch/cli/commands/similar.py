"""echosearch similar: study or file -> studies."""

from __future__ import annotations

from typing import Any

import click

from echosearch.cli.beside.search import answered
from echosearch.cli.search_options import asking, options_given, read_target

__all__ = ["similar"]


@click.command(short_help="Find studies that look like a study or a file.")
@click.argument("target", metavar="STUDY|FILE|-")
@click.option("--and", "also", metavar="TEXT", help="What hits must also answer, understood as in query.")
@click.option("--like", multiple=True, metavar="STUDY|FILE", help="Another example; may be given several times.")
@click.option("--unlike", multiple=True, metavar="STUDY|FILE", help="An example of what hits must not look like.")
@click.option("--include-same-patient", is_flag=True, help="Also the examples' patients' other studies.")
@asking(videos=True)
def similar(
    target: str, also: str | None, like: tuple[str, ...], unlike: tuple[str, ...], as_json: bool, **given: Any
) -> None:
    """Find the studies whose videos look like STUDY's, or like one FILE.

    STUDY is a study key (its first 8 digits do), a StudyInstanceUID or an accession number. FILE need not be in the
    archive: it is embedded on the spot. With - it is asked for, or read from standard input: other users of this
    machine see what a command line contains. The same patient's studies are left out unless asked for.

    --and asks for more in words: a study whose report denies it is no hit, one whose report states it comes first.
    Several examples (--like) are averaged, and what hits must not look like (--unlike) is subtracted.

    \b
    echosearch similar 3f2a9c01
    echosearch similar some_cine.dcm --top-k 5
    echosearch similar - < accession_number.txt
    echosearch similar 3f2a9c01 --view 4CH --where "date >= 2020-01" --json
    echosearch similar 3f2a9c01 --and "MRなし、65歳以上"
    echosearch similar 3f2a9c01 --like 8b1c22d0 --unlike other.dcm
    """
    asked = {
        "target": read_target(target),
        "also": also,
        "like": like,
        "unlike": unlike,
        "json": as_json,
        "options": options_given(given),
    }
    answered("similar", asked).show()
