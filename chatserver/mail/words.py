"""The words by which mail programs are known. Small letters without accents: see `plain`.

Spanish, Portuguese and English whole; of German, French and Italian what stands above a quote.
"""

from __future__ import annotations

import unicodedata
from typing import Final

LONGEST: Final = 600
"""Nobody's mail program writes a longer line of its own: more of a line is not looked at."""

_SPACES: Final = dict.fromkeys(map(ord, "\t\u00a0\u2007\u2009\u202f"), " ")
_UNSEEN: Final = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u2060\ufeff"))


def clean(line: str) -> str:
    """The beginning of a line without what is not seen: odd spaces, joiners, marks of bold at both ends."""
    return line[:LONGEST].translate(_SPACES | _UNSEEN).strip().strip("*").strip()


def plain(line: str) -> str:
    """`clean`, in small letters without accents."""
    letters = unicodedata.normalize("NFD", clean(line).casefold().replace("’", "'"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


WROTE: Final = (
    *("escribio", "ha escrito", "escribe", "escreveu", "escreve", "wrote", "writes"),
    *("schrieb", "a ecrit", "ha scritto", "scrisse"),
)
TO_ME: Final = frozenset({"me", "nos", "le", "les", "te", "lhe", "lhes", "se"})
"""Before the verb they show that a person tells it: "me escribió". No mail program says so."""

OPENERS: Final = ("el", "on", "em", "no dia", "dia", "a", "am", "le", "il", "il giorno", "en", "na")

WEEKDAYS: Final = (
    *("lunes", "martes", "miercoles", "jueves", "viernes", "sabado", "domingo"),
    *("lun", "mar", "mie", "jue", "vie", "sab", "dom"),
    *("segunda", "terca", "quarta", "quinta", "sexta", "seg", "ter", "qua", "qui", "sex"),
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    *("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
    *("montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag"),
    *("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    *("lunedi", "martedi", "mercoledi", "giovedi", "venerdi", "domenica"),
)
MONTHS: Final = (
    *("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "set", "oct", "nov", "dic"),
    *("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto"),
    *("septiembre", "setiembre", "octubre", "noviembre", "diciembre", "sept"),
    *(
        "janeiro",
        "fevereiro",
        "marco",
        "maio",
        "junho",
        "julho",
        "setembro",
        "outubro",
        "novembro",
        "dezembro",
    ),
    *("jan", "fev", "mai", "out", "dez", "apr", "aug", "dec"),
    *("january", "february", "march", "april", "june", "july", "august"),
    *("september", "october", "november", "december"),
    *("januar", "februar", "marz", "juni", "juli", "oktober", "dezember", "okt"),
    *("janvier", "fevrier", "mars", "avril", "juin", "juillet", "aout", "septembre", "octobre", "novembre"),
    *("decembre", "janv", "fevr", "avr", "juil"),
    *("gennaio", "febbraio", "aprile", "maggio", "giugno", "luglio", "settembre", "ottobre", "dicembre"),
    *("gen", "mag", "giu", "lug", "ott"),
)

ORIGINAL: Final = frozenset(
    {"mensaje original", "mensagem original", "original message", "correo original", "missatge original"}
    | {"ursprungliche nachricht", "message d'origine", "message original", "messaggio originale"}
    | {"original appointment", "cita original", "e-mail original", "email original"}
)
FORWARDED: Final = frozenset(
    {"forwarded message", "mensaje reenviado", "mensagem encaminhada", "mensagem reencaminhada"}
    | {"weitergeleitete nachricht", "message transfere", "messaggio inoltrato", "correo reenviado"}
)
FORWARD_BEGINS: Final = frozenset(
    {"begin forwarded message", "inicio del mensaje reenviado", "inicio da mensagem encaminhada"}
    | {
        "inicio da mensagem reencaminhada",
        "debut du message reexpedie",
        "anfang der weitergeleiteten nachricht",
    }
    | {"inizio messaggio inoltrato", "mensaje reenviado", "mensagem encaminhada", "forwarded message"}
)
"""Whole lines that end in a colon; the others stand between dashes."""

OUR_DELIMITERS: Final = frozenset(
    {"escribe tu respuesta por encima de esta linea", "escreva sua resposta acima desta linha"}
    | {"reply above this line", "please reply above this line"}
)

FROM, DATE, TO, COPY, SUBJECT, OTHER = "from", "date", "to", "copy", "subject", "other"
HEADERS: Final[dict[str, str]] = (
    dict.fromkeys(("de", "from", "von", "da", "remitente", "remetente"), FROM)
    | dict.fromkeys(
        ("enviado", "enviado el", "enviados", "enviada", "enviado em", "enviada em", "sent"), DATE
    )
    | dict.fromkeys(
        ("fecha", "data", "date", "gesendet", "datum", "envoye", "inviato", "fecha de envio"), DATE
    )
    | dict.fromkeys(("para", "to", "an", "a", "destinatario"), TO)
    | dict.fromkeys(("cc", "c.c", "cco", "bcc", "kopie", "copia"), COPY)
    | dict.fromkeys(("asunto", "assunto", "subject", "betreff", "objet", "oggetto"), SUBJECT)
    | dict.fromkeys(
        ("importancia", "importance", "prioridad", "prioridade", "reply-to", "responder a"), OTHER
    )
    | dict.fromkeys(("adjuntos", "datos adjuntos", "anexos", "attachments"), OTHER)
)
MATTER_BELOW: Final = (
    *(
        "reenvi",
        "encaminh",
        "forwarding",
        "fwd",
        "ver abajo",
        "mas abajo",
        "de abajo",
        "abaixo",
        "below",
        "fyi",
    ),
    *("siguiente correo", "correo siguiente", "adjunto correo", "seguinte e-mail", "following mail"),
)
"""Said above a block of headers they show that what is below is the matter itself."""

SIGN_OFFS: Final = frozenset(
    {"saludos", "saludos cordiales", "cordiales saludos", "un saludo", "un cordial saludo", "cordial saludo"}
    | {"cordialmente", "atentamente", "atte", "atentos saludos", "muy atentamente", "un abrazo", "abrazos"}
    | {"gracias", "muchas gracias", "gracias y saludos", "de antemano gracias", "gracias de antemano"}
    | {"quedo atento", "quedo atenta", "quedo atento a sus comentarios", "quedo a la espera", "slds"}
    | {"saludos y gracias", "respetuosamente", "sin otro particular", "bendiciones"}
    | {"atenciosamente", "att", "cumprimentos", "os melhores cumprimentos", "melhores cumprimentos"}
    | {"com os melhores cumprimentos", "abraco", "abracos", "obrigado", "obrigada", "muito obrigado"}
    | {"muito obrigada", "grato", "grata", "desde ja agradeco", "respeitosamente", "abs"}
    | {"best regards", "regards", "kind regards", "warm regards", "best", "sincerely", "yours sincerely"}
    | {"thanks", "thank you", "many thanks", "thanks and regards", "cheers", "best wishes", "br"}
)
AFTERWORDS: Final = ("p.d", "pd:", "pd.", "p.s", "ps:", "ps.", "posdata", "post data", "n.b", "nota:", "obs:")

ROLES: Final = frozenset(
    {
        "gerente",
        "jefe",
        "jefa",
        "director",
        "directora",
        "coordinador",
        "coordinadora",
        "analista",
        "asistente",
    }
    | {"contador", "contadora", "ingeniero", "ingeniera", "ing", "lic", "administrador", "administradora"}
    | {"ejecutivo", "ejecutiva", "supervisor", "supervisora", "auxiliar", "tecnico", "tecnica", "encargado"}
    | {"encargada", "presidente", "abogado", "abogada", "consultor", "consultora", "secretaria", "tesorero"}
    | {"diretor", "diretora", "coordenador", "coordenadora", "assistente", "engenheiro", "engenheira"}
    | {"contabilista", "supervisao", "manager", "head", "chief", "ceo", "cfo", "cto", "officer", "engineer"}
    | {"analyst", "assistant", "accountant", "specialist", "especialista", "departamento", "depto", "area"}
    | {"gerencia", "dpto", "department", "subgerente", "lider", "responsable"}
)
COMPANIES: Final = frozenset(
    {"s.a", "sa", "s.a.c", "sac", "s.a.s", "sas", "s.r.l", "srl", "s.l", "sl", "ltda", "ltd", "inc", "llc"}
    | {
        "s.a. de c.v",
        "c.v",
        "cia",
        "corp",
        "gmbh",
        "eirl",
        "e.i.r.l",
        "s.p.a",
        "spa",
        "grupo",
        "lda",
        "eireli",
    }
    | {"universidad", "universidade", "banco", "hospital", "clinica", "ministerio", "municipalidad"}
)
CARD_LABELS: Final = frozenset(
    {"tel", "tel.", "telf", "telefono", "telefonos", "telefone", "phone", "cel", "cel.", "celular", "movil"}
    | {
        "mobile",
        "m",
        "t",
        "c",
        "p",
        "e",
        "w",
        "d",
        "fax",
        "whatsapp",
        "wsp",
        "ext",
        "anexo",
        "ramal",
        "oficina",
    }
    | {
        "office",
        "fono",
        "fijo",
        "email",
        "e-mail",
        "mail",
        "correo",
        "correo electronico",
        "web",
        "www",
        "sitio web",
    }
    | {"skype", "linkedin", "direccion", "endereco", "address", "site", "pbx", "telemovel", "telefax", "tlf"}
)
STREETS: Final = frozenset(
    {
        "av",
        "avenida",
        "calle",
        "jr",
        "jiron",
        "carrera",
        "cra",
        "cl",
        "cll",
        "rua",
        "street",
        "st",
        "road",
        "piso",
    }
    | {
        "oficina",
        "of",
        "col",
        "colonia",
        "blvd",
        "paseo",
        "km",
        "urb",
        "cep",
        "c.p",
        "cp",
        "suite",
        "edificio",
    }
)

SENT_FROM: Final = (
    *(
        "enviado desde",
        "enviado con",
        "enviado mediante",
        "enviado a traves de",
        "enviado por",
        "enviado via",
    ),
    *(
        "mandado desde",
        "enviado do",
        "enviado da",
        "enviado pelo",
        "enviado pela",
        "enviada do",
        "enviado a partir do",
    ),
    *("enviado de", "enviado usando", "sent from", "sent via", "sent with", "sent using", "get outlook for"),
    *("obtener outlook para", "obten outlook para", "obtenga outlook para", "descargar outlook para"),
    *("consigue outlook para", "obter o outlook para", "obtenha o outlook para", "baixe o outlook para"),
    *("envoye de", "envoye depuis", "gesendet von", "von meinem", "inviato da", "inviato dal"),
)
DEVICES: Final = frozenset(
    {"iphone", "ipad", "ios", "android", "samsung", "galaxy", "huawei", "xiaomi", "redmi", "motorola", "moto"}
    | {"outlook", "yahoo", "gmail", "windows", "smartphone", "celular", "movil", "blackberry", "proton"}
    | {"protonmail", "dispositivo", "telefono", "phone", "device", "tablet", "mac", "nokia", "oppo", "honor"}
    | {"telemovel", "zimbra", "thunderbird", "mobile", "mailbird", "spark", "hotmail", "poco", "lg"}
)
DEVICE_FILLING: Final = frozenset(
    {
        "mi",
        "my",
        "meu",
        "minha",
        "un",
        "una",
        "um",
        "de",
        "do",
        "da",
        "para",
        "for",
        "con",
        "with",
        "the",
        "a",
    }
    | {
        "el",
        "la",
        "o",
        "en",
        "on",
        "correo",
        "mail",
        "email",
        "app",
        "inteligente",
        "smart",
        "seguro",
        "secure",
    }
    | {
        "mon",
        "mio",
        "dal",
        "gesendet",
        "for",
        "tu",
        "aplicacion",
        "aplicativo",
        "e-mail",
        "personal",
        "mobile",
    }
)

NOTICE_BEGINS: Final = (
    *(
        "este mensaje",
        "este correo",
        "este e-mail",
        "este email",
        "esta comunicacion",
        "aviso legal",
        "aviso de",
    ),
    *(
        "la informacion contenida",
        "la informacion transmitida",
        "confidencialidad",
        "nota de confidencialidad",
    ),
    *(
        "el contenido de este",
        "el presente correo",
        "el presente mensaje",
        "la presente comunicacion",
        "advertencia",
    ),
    *(
        "esta mensagem",
        "as informacoes contidas",
        "a informacao contida",
        "o conteudo dest",
        "nota de",
        "aviso:",
    ),
    *("clausula de", "declaracion de", "en cumplimiento de", "de conformidad con"),
    *("this e-mail", "this email", "this message", "this communication", "the information contained"),
    *(
        "the information in this",
        "the contents of this",
        "confidentiality",
        "disclaimer",
        "notice",
        "important notice",
    ),
)
NOTICE_WORDS: Final = (
    ("confidencial", "confidential", "privilegiad", "privileged", "sigilos", "reservad"),
    (
        "destinatario",
        "intended recipient",
        "addressee",
        "intended for",
        "dirigid",
        "intended solely",
        "destina-se",
    ),
    (
        "por error",
        "por erro",
        "in error",
        "por engano",
        "equivocacion",
        "received this by mistake",
        "recibido este",
    ),
    ("elimin", "delete", "destru", "destroy", "apag", "borr"),
    (
        "prohibid",
        "proibid",
        "prohibited",
        "unauthori",
        "no autorizad",
        "nao autorizad",
        "strictly",
        "divulga",
    ),
    ("notifi", "notify", "avis", "inform", "comuni"),
    ("copia", "copy", "copi", "distribu", "reprodu", "dissemin"),
    (
        "datos personales",
        "dados pessoais",
        "personal data",
        "proteccion de datos",
        "lgpd",
        "rgpd",
        "gdpr",
        "ley ",
    ),
)
"""Kinds of things that such a notice says; four of them make one."""

PRINTING: Final = (
    *("antes de imprimir", "piense en el medio ambiente", "before printing", "consider the environment"),
    *("please consider the environment", "pense no meio ambiente", "por favor, considere el medio"),
    *("por favor considere el medio", "no imprima este", "evite imprimir", "cuidemos el medio ambiente"),
)
VIRUS_FREE: Final = ("libre de virus", "livre de virus", "virus-free", "sin virus")
