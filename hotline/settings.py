"""All settings, read once from the environment (prefix `HOTLINE_`). docs/configuration.md is checked against this file."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal

from cryptography.fernet import Fernet
from pydantic import AnyHttpUrl, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

CITY_FILES = ("gazetteer.json", "streets.yaml", "units.yaml")
"""What a folder of a city's names has to hold; read by `ticketing.seed.entries.city_file`."""
Port = Annotated[int, Field(ge=1, le=65535)]
DEMO_PASSWORD = "demo-12345"  # noqa: S105 - printed on purpose, and refused outside the demo


class Settings(BaseSettings):
    """Every setting of the service. A wrong value is refused at start with a message that names it."""

    model_config = SettingsConfigDict(env_prefix="HOTLINE_", extra="ignore", frozen=True)

    demo: bool = Field(False, description="Demo mode: demo city, demo log-ins, generated keys. Never in production.")
    data_dir: Path = Field(Path("var"), description="Folder for recordings, attachments, models, the private database and keys.")
    instance: str = Field(
        "",
        pattern=r"^[A-Za-z0-9-]{0,32}$",
        description="Name of this machine; default: made once and kept in the data folder. Machines that share the folder need one each.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Lowest level that is logged.")
    city_name: str = Field("云川市", min_length=1, max_length=20, description="Name of the city on pages and in prompts.")
    city_dir: Path | None = Field(
        None, description="Folder with the city's own gazetteer.json, streets.yaml and units.yaml; empty: those of the invented city."
    )
    pdf_font: Path | None = Field(None, description="Font with Chinese characters for printed briefs; empty: looked for in the system.")
    line_number: str = Field("12345", pattern=r"^\d{3,8}$", description="The hotline's public number.")

    # addresses
    http_host: str = Field("127.0.0.1", description="Address that the web server listens on.")
    http_port: Port = Field(8080, description="Port of portal, console, WeChat and API.")
    public_url: AnyHttpUrl | None = Field(None, description="Address by which citizens reach the web server; default http://host:port.")
    action_port: Port = Field(8081, description="Loopback port of the action endpoint that Rasa calls.")
    rasa_port: Port = Field(5005, description="Loopback port of Rasa; further Rasa processes take the ports after it.")
    control_port: Port = Field(8083, description="Loopback port on which the telephony process answers health questions.")
    webrtc_port: Port = Field(8082, description="Port on which agents' browsers reach the telephone gateway (WebSocket).")
    webrtc_url: str = Field(
        "", pattern=r"^(wss?://\S+)?$", description="The same as browsers see it; default ws://host:port/phone. Outside loopback: wss."
    )
    browser_calls: int = Field(0, ge=0, le=200, description="Calls at once that citizens make from the portal's page; 0: switched off.")
    portal_quiet_appeals: int = Field(
        30, ge=0, le=100_000, description="Appeals a minute of one web process above which the portal asks for a proof; 0: always."
    )
    webrtc_sip_port: Port = Field(5066, description="UDP port of the gateway's SIP socket, for the telephony processes.")
    webrtc_addresses: Annotated[tuple[str, ...], NoDecode] = Field(
        ("127.0.0.1",), description="Addresses that browsers send sound to (comma-separated); empty: every interface but loopback."
    )
    sip_host: str = Field("127.0.0.1", description="Address of the SIP and RTP sockets.")
    sip_port: Port = Field(5060, description="UDP port of SIP.")
    sip_peers: Annotated[tuple[str, ...], NoDecode] = Field(("127.0.0.0/8",), description="Networks that may call (comma-separated).")
    sip_registrar: str = Field(
        "", pattern=r"^$|^[0-9.]+(:[0-9]{2,5})?$", description="IPv4 address of a trunk that wants a registration; empty: none is made."
    )
    sip_domain: str = Field("", description="Domain of that registration where it is not the address.")
    sip_user: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._+-]*$",
        description="User name at the trunk, for the registration and where it asks calls of ours to log in.",
    )
    sip_password: SecretStr = Field(SecretStr(""), description="Its password.")
    telephony_processes: int = Field(
        1, ge=1, le=8, description="Telephony processes of hotline serve; each further one takes SIP and control ports ten higher."
    )
    edge_port: Port | None = Field(
        None,
        description="UDP port of Kamailio, run by hotline serve between the telephony processes and HOTLINE_OUTBOUND_URI; empty: directly.",
    )
    rtp_port_low: Port = Field(20000, description="First RTP port.")
    rtp_port_high: Port = Field(29999, description="Last RTP port.")
    outbound_uri: str = Field(
        "",
        pattern=r"^$|^sip:\{number\}@[A-Za-z0-9.-]+(:[0-9]{2,5})?$",
        description="Trunk for calls to telephone numbers (emergency lines, departments), e.g. sip:{number}@10.0.0.5:5060; empty: none.",
    )
    outbound_prefixes: Annotated[tuple[str, ...], NoDecode] = Field(
        ("110", "119", "120", "122"), description="Numbers may be called that begin with one of these (comma-separated)."
    )
    max_calls: int = Field(60, ge=1, le=300, description="Callers at once in one telephony process; further ones hear busy.")
    max_placed_calls: int = Field(
        180,
        ge=1,
        le=1000,
        description="Calls that one telephony process places at once: agents' telephones, transfers, supervisors, citizens called.",
    )

    citizen_prefixes: Annotated[tuple[str, ...], NoDecode] = Field(
        ("13", "14", "15", "16", "17", "18", "19", "010", "02", "03", "04", "05", "07", "08", "09"),
        description="Citizens' numbers that the callback robot may call begin with one of these: mobiles and landlines of mainland China.",
    )
    robot_calls: int = Field(2, ge=0, le=50, description="Callbacks that the robot of one telephony process makes at once; 0: none.")
    robot_calls_per_minute: int = Field(
        10, ge=1, le=600, description="Callbacks that the robot of one telephony process begins in a minute at most."
    )

    # database
    literal_days: bool = Field(
        False, description="Literal reading of time limits: 3 days are three days of the calendar, not three working days."
    )
    database_url: str | None = Field(None, description="postgresql:// address; default: a private PostgreSQL in the data folder.")
    database_owner_url: str | None = Field(
        None, description="The same database as the owner of its tables, for db upgrade and restore only; the service must not own them."
    )

    staff_quiet_hours: str = Field(
        "21:00-08:00",
        pattern=r"^$|^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$",
        description="Notices to the staff wait until this is over (and for a working day), unless it is an emergency; empty: never.",
    )

    # speech
    speech_model: str = Field(
        "auto",
        description="cn-small, cn-large, synthetic, none, a model folder, or auto (cn-small, else synthetic if the site is unreachable).",
    )
    speech_workers: int = Field(1, ge=1, le=64, description="Processes that transcribe calls; each holds the model in memory.")
    live_transcripts: int = Field(
        0, ge=0, le=600, description="Voices transcribed while they speak; further ones after their call. 0: 2.5 per processor."
    )
    speech_words: Path | None = Field(
        None,
        description="A text file of more names (streets, estates), one a line: written where the recogniser hears what sounds like them.",
    )
    tts_timeout_s: float = Field(8.0, gt=0, le=60, description="Longest time that one sentence may take to be spoken to a file.")
    silence_s: float = Field(7.0, gt=0, le=60, description="Silence after which the caller is asked again.")

    # bot
    bot_timeout_s: float = Field(1.5, gt=0, le=30, description="How long Rasa may take before knowledge search answers alone.")
    bot_processes: int = Field(1, ge=1, le=16, description="Rasa processes; each takes about a core's 12 turns a second and 300 MB.")
    bot_enabled: bool = Field(True, description="Run Rasa. Without it knowledge search answers alone (degraded mode).")
    python310: Path | None = Field(None, description="Python 3.10 for Rasa; default: looked for in the usual places.")

    # optional language model
    llm_url: AnyHttpUrl | None = Field(
        None, description="OpenAI-compatible endpoint (up to /v1) that rewords short answers; empty: none, nothing needs it."
    )
    llm_model: str = Field("", max_length=200, description="Name of the model at that endpoint.")
    llm_key: SecretStr = Field(SecretStr(""), description="Its key, if it wants one.")
    llm_timeout_s: float = Field(2.0, gt=0, le=10, description="How long the model may take before the original answer stands.")

    # dispatch
    auto_dispatch_above: float = Field(
        0.0, ge=0, le=1, description="Least confidence from which the machine dispatches by itself (0: never; never secret or top-urgent)."
    )

    # secrets
    secret_key: SecretStr = Field(SecretStr(""), description="At least 32 characters; signs cookies and hashes query codes.")
    encryption_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="Fernet keys for personal data, newest first, comma-separated."
    )
    lookup_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="Keys of the hashes that find a person again, newest first, comma-separated; default: the secret key."
    )
    demo_password: SecretStr = Field(SecretStr(DEMO_PASSWORD), description="Password of the demo log-ins.")

    # WeChat official account
    wechat_token: SecretStr = Field(SecretStr(""), description="Token of the official account's server settings; empty: channel off.")
    wechat_app_id: str = Field("", description="AppID of the official account.")
    wechat_app_secret: SecretStr = Field(SecretStr(""), description="AppSecret of the official account.")
    wechat_aes_key: SecretStr = Field(SecretStr(""), description="EncodingAESKey (43 characters).")
    wechat_aes_key_previous: SecretStr = Field(SecretStr(""), description="The EncodingAESKey before the last change.")
    wechat_api_base: AnyHttpUrl = Field(AnyHttpUrl("https://api.weixin.qq.com"), description="Address of the platform's API.")
    wechat_require_encryption: bool = Field(False, description="Refuse plain-mode messages (recommended in production).")
    wechat_templates: Path | None = Field(None, description="YAML file: which template message says which notice (docs/wechat.md).")
    wechat_budget_s: float = Field(3.5, gt=0, le=4.5, description="How long an answer may take before 'received' is said.")

    # text messages
    sms_url: AnyHttpUrl | None = Field(
        None, description="Address of the SMS gateway (JSON POST); empty: nothing is sent, the console lists it."
    )
    sms_body: str = Field(
        '{"phone": "{phone}", "text": "{text}", "id": "{id}"}', description="The gateway's JSON body with {phone}, {text}, {id}."
    )
    sms_secret: SecretStr = Field(SecretStr(""), description="Signs each request to the gateway (HMAC-SHA256 over timestamp.body).")
    sms_signature: str = Field("【12345热线】", max_length=20, description="Put in front of every text message, as the carriers demand.")
    sms_success: str = Field(
        "", pattern=r"^(\w+=.+)?$", description="Field of the gateway's answer that means success, e.g. code=0; empty: any 2xx."
    )

    sms_provider: Literal["http", "alibaba", "tencent"] = Field(
        "http", description="Who sends text messages: http (HOTLINE_SMS_URL), alibaba (阿里云短信) or tencent (腾讯云短信)."
    )
    sms_access_key: str = Field("", description="AccessKeyId (Alibaba Cloud) or SecretId (Tencent Cloud).")
    sms_access_secret: SecretStr = Field(SecretStr(""), description="AccessKeySecret or SecretKey.")
    sms_app_id: str = Field("", description="SdkAppId of the SMS application (Tencent Cloud only).")
    sms_region: str = Field("ap-guangzhou", min_length=1, description="Region of the SMS interface (Tencent Cloud only).")
    sms_endpoint: str = Field("", description="Host of the provider's interface, where it is not the provider's public one.")
    sms_templates: Path | None = Field(None, description="YAML file: which of the provider's templates says which notice (docs/sms.md).")
    sms_inbound_key: SecretStr = Field(
        SecretStr(""), description="Key in the address to which the provider brings citizens' messages and receipts; empty: off."
    )
    sms_per_day: int = Field(20, ge=1, le=1000, description="Text messages to one person within 24 hours at most, urgent ones apart.")

    # web
    session_hours: int = Field(10, ge=1, le=24, description="A staff session ends after this time.")
    session_idle_minutes: int = Field(120, ge=5, le=1440, description="A staff session ends when nothing was asked for so long.")
    cookie_secure: bool = Field(False, description="Send cookies over HTTPS only (set it in production).")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Networks of reverse proxies whose X-Forwarded-For tells the caller's address (comma-separated)."
    )
    webhook_private_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Private hosts and networks that webhooks and the ticket exchange may call, also by http (comma-separated)."
    )
    upload_max_bytes: int = Field(10 * 1024 * 1024, ge=1024, le=100 * 1024 * 1024, description="Largest attachment.")
    upload_ticket_max_mb: int = Field(200, ge=1, le=100_000, description="All attachments of one ticket together.")
    upload_day_max_mb: int = Field(
        20_000, ge=1, description="All files of citizens of one day together; then the day's uploads are refused."
    )
    min_free_disk_mb: int = Field(200, ge=0, description="Below this, new attachments and recordings are refused and readyz says so.")

    s3_endpoint: AnyHttpUrl | None = Field(None, description="Attachments lie in this S3-compatible store; default: in the data folder.")
    s3_bucket: str = Field("", pattern=r"^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$", description="Bucket of the attachments.")
    s3_region: str = Field("us-east-1", min_length=1, description="Region that requests are signed for.")
    s3_access_key: SecretStr = Field(SecretStr(""), description="Access key of the store.")
    s3_secret_key: SecretStr = Field(SecretStr(""), description="Secret key of the store.")
    clamd: str = Field("", description="clamd that looks at each file: a socket's path or host:port; empty: no virus scan.")
    clamd_required: bool = Field(True, description="Refuse files when clamd does not answer; false: keep them unscanned.")

    @field_validator(
        "outbound_prefixes",
        "citizen_prefixes",
        "webrtc_addresses",
        "sip_peers",
        "encryption_keys",
        "lookup_keys",
        "trusted_proxies",
        "webhook_private_hosts",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("city_dir", mode="before")
    @classmethod
    def _city_files(cls, folder: object) -> object:
        if not folder:
            return None
        missing = [name for name in CITY_FILES if not (Path(str(folder)) / name).is_file()]
        if missing:
            raise ValueError(f"these files are missing in {folder}: {', '.join(missing)}")
        return folder

    @field_validator("sms_body")
    @classmethod
    def _sms_template(cls, body: str) -> str:
        try:
            parsed = json.loads(body)
        except ValueError as error:
            raise ValueError(f"must be JSON: {error}") from error
        if not isinstance(parsed, dict) or "{phone}" not in body or "{text}" not in body:
            raise ValueError("must be a JSON object with {phone} and {text} in it")
        return body

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            try:
                ip_network(network)
            except ValueError as error:
                raise ValueError(f"{network} is not a network such as 10.0.0.0/8 or 127.0.0.1") from error
        return networks

    @field_validator("encryption_keys")
    @classmethod
    def _fernet(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for key in keys:
            try:
                Fernet(key.get_secret_value())
            except ValueError as error:
                raise ValueError("each key must be 32 bytes in url-safe base64 (make one: hotline new-key)") from error
        return keys

    @field_validator("lookup_keys")
    @classmethod
    def _long(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(key.get_secret_value()) < 32 for key in keys):
            raise ValueError("each key must have at least 32 characters (make one: hotline new-key)")
        return keys

    @field_validator("database_url", "database_owner_url")
    @classmethod
    def _postgres(cls, url: str | None) -> str | None:
        if url and not url.startswith(("postgresql://", "postgres://", "postgresql+asyncpg://")):
            raise ValueError("only PostgreSQL is supported: postgresql://user:password@host/database")
        return url or None

    @model_validator(mode="after")
    def _whole(self) -> Settings:
        ports = {
            "HOTLINE_HTTP_PORT": self.http_port,
            "HOTLINE_ACTION_PORT": self.action_port,
            "HOTLINE_RASA_PORT": self.rasa_port,
            "HOTLINE_CONTROL_PORT": self.control_port,
            "HOTLINE_WEBRTC_PORT": self.webrtc_port,
        }
        if len(set(ports.values())) < len(ports):
            raise ValueError(f"these ports must differ: {ports}")
        if taken := [name for name, port in ports.items() if name != "HOTLINE_RASA_PORT" and port in self.rasa_ports]:
            raise ValueError(f"{taken[0]} lies among the ports of the {self.bot_processes} Rasa processes: {self.rasa_ports}")
        if self.rtp_port_high - self.rtp_port_low < 2 * self.max_calls:
            raise ValueError("HOTLINE_RTP_PORT_LOW to HIGH must hold two ports for each of HOTLINE_MAX_CALLS")
        if self.sip_registrar and not (self.sip_user and self.sip_password.get_secret_value()):
            raise ValueError("HOTLINE_SIP_REGISTRAR needs HOTLINE_SIP_USER and HOTLINE_SIP_PASSWORD")
        registrar = self.sip_registrar.partition(":")[0]
        if registrar and not any(ip_address(registrar) in ip_network(network, strict=False) for network in self.sip_peers):
            raise ValueError("HOTLINE_SIP_REGISTRAR must be one of HOTLINE_SIP_PEERS, or its answers are not heard")
        if self.s3_endpoint and not (self.s3_bucket and self.s3_access_key.get_secret_value() and self.s3_secret_key.get_secret_value()):
            raise ValueError("HOTLINE_S3_ENDPOINT needs HOTLINE_S3_BUCKET, HOTLINE_S3_ACCESS_KEY and HOTLINE_S3_SECRET_KEY")
        if self.sms_inbound_key.get_secret_value() and len(self.sms_inbound_key.get_secret_value()) < 24:
            raise ValueError("HOTLINE_SMS_INBOUND_KEY must have at least 24 characters: whoever knows it can speak for any number")
        if self.sms_provider != "http":
            if not (self.sms_access_key and self.sms_access_secret.get_secret_value() and self.sms_templates):
                raise ValueError("HOTLINE_SMS_PROVIDER needs HOTLINE_SMS_ACCESS_KEY, HOTLINE_SMS_ACCESS_SECRET and HOTLINE_SMS_TEMPLATES")
            if self.sms_provider == "tencent" and not self.sms_app_id:
                raise ValueError("HOTLINE_SMS_PROVIDER=tencent needs HOTLINE_SMS_APP_ID")
        if not self.demo:
            if len(self.secret_key.get_secret_value()) < 32:
                raise ValueError("HOTLINE_SECRET_KEY is needed, at least 32 characters (make one: hotline new-key)")
            if not self.encryption_keys:
                raise ValueError("HOTLINE_ENCRYPTION_KEYS is needed (make one: hotline new-key)")
            if "demo_password" in self.model_fields_set:
                raise ValueError("HOTLINE_DEMO_PASSWORD is refused outside the demo: people have personal passwords")
        for name in ("wechat_aes_key", "wechat_aes_key_previous"):
            key = getattr(self, name).get_secret_value()
            if key and not re.fullmatch(r"[A-Za-z0-9+/]{43}", key):
                raise ValueError(f"HOTLINE_{name.upper()} must have 43 characters, as the official account's page shows it")
            if key and not self.wechat_app_id:
                raise ValueError(f"HOTLINE_WECHAT_APP_ID is needed with HOTLINE_{name.upper()}: it stands inside every encrypted message")
        return self

    @property
    def sends_sms(self) -> bool:
        """Whether text messages reach anybody: an address or a provider is configured."""
        return self.sms_url is not None or self.sms_provider != "http"

    @property
    def web_url(self) -> str:
        """Address of the web server as citizens see it, without a slash at the end."""
        return str(self.public_url).rstrip("/") if self.public_url else f"http://{self.http_host}:{self.http_port}"

    @property
    def phone_url(self) -> str:
        """Address of the agents' telephone gateway as browsers see it."""
        return self.webrtc_url or f"ws://{self.http_host}:{self.webrtc_port}/phone"

    @property
    def rasa_ports(self) -> tuple[int, ...]:
        """The port of each Rasa process."""
        return tuple(self.rasa_port + number for number in range(self.bot_processes))

    @property
    def rasa_urls(self) -> tuple[str, ...]:
        """The address of each Rasa process."""
        return tuple(f"http://127.0.0.1:{port}" for port in self.rasa_ports)

    @property
    def sip_ports(self) -> tuple[int, ...]:
        """The SIP port of each telephony process."""
        return tuple(self.sip_port + 10 * number for number in range(self.telephony_processes))

    @property
    def control_ports(self) -> tuple[int, ...]:
        """The control port of each telephony process."""
        return tuple(self.control_port + 10 * number for number in range(self.telephony_processes))

    @property
    def telephony_environments(self) -> tuple[dict[str, str], ...]:
        """What the supervisor changes in the environment of each telephony process."""
        ports = zip(self.sip_ports, self.control_ports, strict=True)
        return tuple({"HOTLINE_SIP_PORT": str(sip), "HOTLINE_CONTROL_PORT": str(control)} for sip, control in ports)

    @property
    def secret(self) -> str:
        """The secret key in clear."""
        return self.secret_key.get_secret_value()


class SettingsError(Exception):
    """A setting is wrong; the text names it and says what is expected."""


def explain(error: ValidationError) -> str:
    """One line per wrong setting, in the words of the environment."""
    lines = []
    for item in error.errors():
        name = "HOTLINE_" + "_".join(str(part) for part in item["loc"]).upper() if item["loc"] else "settings"
        lines.append(f"{name}: {item['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines)


@lru_cache(maxsize=1)
def load() -> Settings:
    """The settings of this process; raises `SettingsError`."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(explain(error)) from None
