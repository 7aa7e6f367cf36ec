"""Settings: where things are. Made once at the edge from ECHOSEARCH_* variables, then passed as an argument."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from echosearch.errors import ConfigError
from echosearch.unicode import is_text

__all__ = ["Settings", "load_settings"]


MAX_HOME_BYTES = 900  # PostgreSQL cuts paths at 1,024, and has its own below
NEARLY = 0.85  # how alike two names are that differ by a slip: DATABASE_PORT is 0.8 to DATABASE_URL


class Settings(BaseSettings):
    """Frozen. Each field ``x`` is read from ``ECHOSEARCH_X``; with no URL set the embedded engines are used."""

    model_config = SettingsConfigDict(env_prefix="ECHOSEARCH_", env_ignore_empty=True, frozen=True, extra="ignore")

    home: Path = Path("~/.local/share/echosearch")  # embedded stores, encoders, key file
    key_file: Path | None = None  # default: HOME/key
    access_key_file: Path | None = None  # of accounts and the audit; default: HOME/access.key
    requests_per_second: Annotated[float, Field(gt=0, le=100_000)] = 10.0  # of each user of `serve`
    viewer_url: str | None = None  # the PACS's viewer, such as https://pacs/viewer?StudyInstanceUIDs={study_uid}
    oidc_issuer: str | None = None  # an OpenID provider that signs users in, such as https://idp.hospital.example
    oidc_client_id: str | None = None  # what this server is called there
    oidc_client_secret: SecretStr | None = None  # its secret there; none: a public client, by PKCE alone
    oidc_client_secret_file: Path | None = None  # the same, in a file
    oidc_ca: Path | None = None  # who signs the provider's certificate; default: whom this machine trusts
    oidc_name_claim: str = "preferred_username"  # of the ID token: the name of an account that is added
    oidc_role_claim: str = "groups"  # of the ID token: what ECHOSEARCH_OIDC_ROLES maps to roles
    oidc_roles: Annotated[dict[str, str], NoDecode] = {}  # JSON, such as {"echo-doctors": "clinician"}; the first fits
    oidc_unknown: Literal["refuse", "create"] = "refuse"  # who has no account; create: one that an admin has to enable
    database_url: SecretStr | None = None  # postgresql://user@host/echosearch
    qdrant_url: str | None = None  # https://host:6333, or "embedded": beside a PostgreSQL server, in this home
    qdrant_ca: Path | None = None  # who signs the server's certificate; default: whom this machine trusts
    qdrant_api_key: SecretStr | None = None  # where the Qdrant server demands one
    qdrant_shards: Annotated[int | None, Field(ge=1, le=256)] = None  # of a new collection; default: the server's
    qdrant_replicas: Annotated[int, Field(ge=1, le=16)] = 1  # of each shard of a new collection
    qdrant_write_consistency: Annotated[int | None, Field(ge=1, le=16)] = None  # replicas that must have a write
    qdrant_small_vectors: Literal["4-bit", "8-bit", "binary", "none"] = "4-bit"  # in memory; float16 rescores them
    qdrant_graph_later: bool = False  # build the graph of a new collection after its first fill
    qdrant_request_points: Annotated[int, Field(ge=1, le=10_000)] = 500  # points sent in one request
    qdrant_streams: Annotated[int, Field(ge=1, le=64)] = 1  # requests under way at one time
    dicomweb_token: SecretStr | None = None  # what a DICOMweb source demands, as a bearer token
    dicomweb_ca: Path | None = None  # who signs that server's certificate; default: whom this machine trusts
    encoder: Path | None = None  # a bundle folder; default: what `encoder use` chose
    lexicon: Path | None = None  # words of a site, beside those that ship (docs/facts.md)
    device: str = "auto"  # auto, cpu, cuda, cuda:1
    issuer: str = ""  # IssuerOfPatientID where the files give none
    workers: Annotated[int, Field(ge=1, le=256)] = min(os.cpu_count() or 1, 16)  # decoding processes
    worker_memory_mb: Annotated[int, Field(ge=256)] = 4096  # memory of one decoding process beyond its imports
    worker_cpu_seconds: Annotated[int, Field(ge=1)] = 60  # processor time of one file
    worker_wall_seconds: Annotated[int, Field(ge=1)] = 120  # time of one file by the clock
    decord: bool = False  # read the frames of mp4 and avi by decord, where it is installed
    lease_seconds: Annotated[float, Field(ge=2, le=3600)] = 60.0  # a worker of a job that is silent for so long is dead
    lock_by_key: bool = False  # workers of a job write at one time, if other studies; default: one after the other
    lock_wait_seconds: Annotated[float, Field(ge=0)] = 5.0  # for a process that holds the embedded index
    min_free_mb: Annotated[int, Field(ge=0)] = 1000  # what the embedded index and previews leave free on their disk
    preview_mb: Annotated[int, Field(ge=256)] = 20_000  # what previews may take; then the least used are removed

    @field_validator(
        "home", "key_file", "access_key_file", "qdrant_ca", "dicomweb_ca", "oidc_ca", "oidc_client_secret_file"
    )
    @classmethod
    def _of_a_user(cls, place: Path | None) -> Path | None:
        try:
            return place and place.expanduser()
        except RuntimeError as exc:
            raise ValueError(f"{place} begins with a user that this machine does not know") from exc

    @field_validator("home")
    @classmethod
    def _of_one_line(cls, place: Path) -> Path:
        control = next((character for character in str(place) if unicodedata.category(character) == "Cc"), None)
        if control is not None:
            raise ValueError(
                f"the path holds a control character, U+{ord(control):04X}, and a home may have none: rename the folder"
            )
        if len(os.fsencode(place.absolute())) > MAX_HOME_BYTES:
            raise ValueError(f"the path is longer than {MAX_HOME_BYTES} bytes: choose a shorter one")
        return place

    @field_validator("oidc_roles", mode="before")
    @classmethod
    def _of_json(cls, given: object) -> object:
        try:
            read = json.loads(given) if isinstance(given, str) else given
        except ValueError:
            read = None
        if not isinstance(read, dict) or not all(isinstance(one, str) for one in read.values()):
            raise ValueError('not a JSON object: write {"group": "role"}')
        return read

    def model_post_init(self, _context: object) -> None:
        object.__setattr__(self, "home", self.home.absolute())

    @property
    def key_path(self) -> Path:
        return self.key_file or self.home / "key"

    @property
    def access_key_path(self) -> Path:
        return self.access_key_file or self.home / "access.key"


def load_settings(**given: object) -> Settings:
    """Load settings from the environment; arguments given by name replace them.

    Raises ConfigError that names the variable, or the argument.
    """
    for name, value in os.environ.items():
        if name.upper().startswith("ECHOSEARCH_") and not is_text(value):
            raise ConfigError(f"{name} is not UTF-8: PostgreSQL and Qdrant take nothing else")
    _refuse_misspelt(os.environ)
    try:
        return Settings(**given)  # type: ignore[arg-type]  # checked by pydantic
    except ValidationError as exc:
        first = exc.errors()[0]
        name = "_".join(str(part) for part in first["loc"])
        raise ConfigError(f"{name if name in given else f'ECHOSEARCH_{name.upper()}'}: {first['msg']}") from exc


def _refuse_misspelt(names: Iterable[str]) -> None:
    """Raise ConfigError for a variable that is nearly a setting: an archive elsewhere would be filled without a word.

    Other names with our prefix are let be: Kubernetes sets such for a service of that name.
    """
    known = [f"ECHOSEARCH_{field.upper()}" for field in Settings.model_fields]
    for name in names:
        if name.upper().startswith("ECHOSEARCH_") and name.upper() not in known:
            suffixes = [each.removeprefix("ECHOSEARCH_") for each in known]
            for near in get_close_matches(name.upper().removeprefix("ECHOSEARCH_"), suffixes, 1, NEARLY):
                raise ConfigError(f"{name} is no setting: did you mean ECHOSEARCH_{near}? Rename it, or unset it")
