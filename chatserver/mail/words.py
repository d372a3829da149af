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
    bare = clean(line).casefold()
    if bare.isascii():
        return bare
    letters = unicodedata.normalize("NFD", bare.replace("’", "'"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _of(phrases: str) -> tuple[str, ...]:
    return tuple(" ".join(phrase.split()).replace("|", "/") for phrase in phrases.split("/"))


# Above a quote

WROTE: Final = _of("""
    escribio / ha escrito / escribe / escreveu / escreve / va escriure / escribiu / wrote / writes / schrieb / a ecrit
    / ha scritto / scrisse
""")
TO_ME: Final = frozenset(_of("me / nos / le / les / te / lhe / lhes / se"))
"""Before the verb they show that a person tells it: "me escribió". No mail program says so."""

QUOTING: Final = ("citando ", "cita de ", "quoting ", "zitat von ")

OPENERS: Final = _of("el / on / em / no dia / dia / a / as / am / le / il / il giorno / en / na")

WEEKDAYS: Final = _of("""
    lunes / martes / miercoles / jueves / viernes / sabado / domingo / lun / mar / mie / jue / vie / sab / dom
    / segunda / terca / quarta / quinta / sexta / seg / ter / qua / qui / sex
    / monday / tuesday / wednesday / thursday / friday / saturday / sunday / mon / tue / wed / thu / fri
    / sat / sun
    / montag / dienstag / mittwoch / donnerstag / freitag / samstag / sonntag
    / lundi / mardi / mercredi / jeudi / vendredi / samedi / dimanche
    / lunedi / martedi / mercoledi / giovedi / venerdi / domenica
""")
MONTHS: Final = _of("""
    ene / feb / mar / abr / may / jun / jul / ago / sep / set / oct / nov / dic
    / enero / febrero / marzo / abril / mayo / junio / julio / agosto
    / septiembre / setiembre / octubre / noviembre / diciembre / sept
    / janeiro / fevereiro / marco / maio / junho / julho / setembro / outubro / novembro / dezembro
    / jan / fev / mai / out / dez / apr / aug / dec
    / january / february / march / april / june / july / august / september / october / november / december
    / januar / februar / marz / juni / juli / oktober / dezember / okt
    / janvier / fevrier / mars / avril / juin / juillet / aout / septembre / octobre / novembre / decembre
    / janv / fevr / avr / juil
    / gennaio / febbraio / aprile / maggio / giugno / luglio / settembre / ottobre / dicembre
    / gen / mag / giu / lug / ott
""")

ORIGINAL: Final = frozenset(
    _of("""
    mensaje original / mensagem original / original message / correo original / missatge original
    / ursprungliche nachricht / message d'origine / message original / messaggio originale
    / original appointment / cita original / e-mail original / email original / original / reply message
    / mensaje de respuesta / mensagem de resposta
""")
)
ORIGINAL_OF: Final = (
    "mensaje de ",
    "mensagem de ",
    "message from ",
    "mensaje original de ",
    "mensagem original de ",
)
FORWARDED: Final = frozenset(
    _of("""
    forwarded message / mensaje reenviado / mensagem encaminhada / mensagem reencaminhada
    / weitergeleitete nachricht / message transfere / messaggio inoltrato / correo reenviado
""")
)
FORWARD_BEGINS: Final = frozenset(
    _of("""
    begin forwarded message / inicio del mensaje reenviado / inicio da mensagem encaminhada
    / inicio da mensagem reencaminhada / debut du message reexpedie / anfang der weitergeleiteten nachricht
    / inizio messaggio inoltrato / mensaje reenviado / mensagem encaminhada / forwarded message
""")
)
"""Whole lines that end in a colon; the others stand between dashes."""

ANSWER_PREFIXES: Final = frozenset(
    _of("re / res / resp / respuesta / resposta / aw / sv / r / rif / ref / antw / odp")
)
FORWARD_PREFIXES: Final = frozenset(
    _of("rv / fw / fwd / enc / wg / tr / i / reenv / reenviado / encaminhado")
)

OUR_DELIMITERS: Final = frozenset(
    _of("""
    escribe tu respuesta por encima de esta linea / escreva sua resposta acima desta linha
    / reply above this line / please reply above this line
""")
)
REPLY_ABOVE_LINE: Final = (
    _of("reply / respuesta / responda / responde / resposta / digite / escriba / escreva / type / write"),
    _of("below / abajo / abaixo / bajo / above / encima / sobre / arriba / acima"),
    _of("line / linea / linha"),
)
"""One of each stands in another desk's delimiter."""
REPLY_ABOVE_BEGINS: Final = (
    "por favor",
    "please",
    "respond",
    "escrib",
    "escrev",
    "digite",
    "reply",
    "type ",
    "write ",
    "no escrib",
)
REPLY_ABOVE_ENDS: Final = tuple(
    f"{above} {line}"
    for above in ("above", "encima de", "arriba de", "acima")
    for line in ("this line", "esta linea", "desta linha", "da linha")
)
"""If there are no strokes."""

FROM, DATE, TO, COPY, SUBJECT, OTHER = "from", "date", "to", "copy", "subject", "other"
HEADERS: Final[dict[str, str]] = {
    key: kind
    for kind, keys in {
        FROM: "de / from / von / da / remitente / remetente / desde",
        DATE: """enviado / enviado el / enviados / enviada / enviada el / enviadas / enviado em / enviada em / sent
            / fecha / data / date / gesendet / datum / envoye / inviato / fecha de envio / fecha y hora
            / data e hora
            / sent on / date sent / enviado a las""",
        TO: "para / to / an / a / per / destinatario / destinatarios",
        COPY: "cc / c.c / cco / bcc / kopie / copia / con copia a / com copia para",
        SUBJECT: "asunto / assunto / subject / betreff / objet / oggetto",
        OTHER: """importancia / importance / prioridad / prioridade / reply-to / responder a / adjuntos
            / datos adjuntos / archivos adjuntos / anexos / attachments / cuando / ubicacion / when
            / where / quando / onde / local
            / categorias / organizacion / organizacao / organization / sensitivity / confidencialidad""",
    }.items()
    for key in _of(keys)
}
MATTER_BELOW: Final = _of("""
    reenvi / encaminh / forwarding / fwd / ver abajo / mas abajo / de abajo / abaixo / below / fyi
    / entre lineas / entre linhas / inline / en rojo / en azul / em vermelho / em azul
    / in red / in blue / en el cuerpo / no corpo / a continuacion / mismo correo / mesmo e-mail
    / siguiente correo / copio / les pego / pego el / pego abajo / pego el correo / transcribo
    / me llego est / me llego el sig / recibi est / recibi el sig / recebi est / chegou est / segue o e-mail
    / colo o / colo abaixo / i received this / got this / pasted / pasting / copied / correo siguiente
    / adjunto correo / seguinte e-mail / following mail
""")
"""Said above a block of headers they show that what is below is the matter itself."""

# Cards

SIGN_OFFS: Final = frozenset(
    _of("""
    saludos / saludos cordiales / cordiales saludos / un saludo / un cordial saludo / cordial saludo
    / cordialmente / atentamente / atte / atentos saludos / muy atentamente / un abrazo / abrazos
    / gracias / muchas gracias / gracias y saludos / de antemano gracias / gracias de antemano
    / quedo atento / quedo atenta / quedo a la espera / slds / saludos y gracias / respetuosamente
    / sin otro particular / bendiciones
    / atenciosamente / att / cumprimentos / os melhores cumprimentos / melhores cumprimentos
    / com os melhores cumprimentos / abraco / abracos / obrigado / obrigada / muito obrigado / muito obrigada
    / grato / grata / desde ja agradeco / respeitosamente / abs
    / best regards / regards / kind regards / warm regards / best / sincerely / yours sincerely
    / thanks / thank you / many thanks / thanks and regards / cheers / best wishes / br
""")
)
SIGN_OFF_BEGINS: Final = _of("""
    saludos / un saludo / cordial / atentamente / gracias por / muchas gracias por / gracias de / quedo atent
    / quedo a la / quedamos atent / desde ya / con un cordial / reciba / sin otro / sin mas
    / atenciosamente / cumprimentos / com os / obrigado p / obrigada p / grato p / grata p / agradeco / desde ja
    / fico a disposicao / fico no aguardo / best / kind / kindest / warm / with best / with kind / thanks for
    / thank you for / many thanks for / yours / respectfully / looking forward
""")
"""Of a line of six words at most."""
AFTERWORDS: Final = _of("p.d / pd: / pd. / p.s / ps: / ps. / posdata / post data / n.b / nota: / obs:")

TITLES: Final = frozenset(
    _of(
        """
    dr / dra / lic / ing / sr / sra / srta / prof / mr / mrs / ms / arq / abg / cpc / eng / don / dona / mtro / mtra
"""
    )
)
ROLES: Final = frozenset(
    _of("""
    gerente / jefe / jefa / director / directora / coordinador / coordinadora / analista / asistente
    / contador / contadora / ingeniero / ingeniera / ing / lic / administrador / administradora
    / ejecutivo / ejecutiva / supervisor / supervisora / auxiliar / tecnico / tecnica / encargado / encargada
    / presidente / abogado / abogada / consultor / consultora / secretaria / tesorero / tesorera / socio / socia
    / diretor / diretora / coordenador / coordenadora / assistente / engenheiro / engenheira / advogado
    / advogada
    / contabilista / supervisao / manager / head / chief / ceo / cfo / cto / officer / engineer / partner
    / analyst / assistant / accountant / specialist / especialista / departamento / depto / area / lead
    / gerencia / dpto / department / subgerente / lider / responsable / responsavel / coordinator / director
    / administrator / consultant / buyer / comprador / compradora / vendedor / vendedora / arquitecto
    / arquitecta
    / enfermera / enfermero / medico / medica / profesor / profesora / professor / professora
    / compras / ventas / vendas / finanzas / financas / financeiro / contabilidad / contabilidade / logistica
    / sistemas / soporte / suporte / sales / marketing / operaciones / operacoes / tesoreria / tesouraria
    / facturacion / faturamento / cobranzas / cobranca / administracion / administracao / secretario / secretary
    / propietario / proprietario / fundador / fundadora / founder / owner / gestor / gestora / desarrollador
    / desarrolladora / desenvolvedor / desenvolvedora / developer / arquiteto / arquiteta / architect / psicologo
    / psicologa / odontologo / odontologa / dentista / dentist / veterinario / veterinaria / enfermeira / enfermeiro
    / nurse / docente / teacher / rector / reitor / decano / dean / notario / agente / agent / broker / corredor
    / representante / representative / vp / vicepresidente / president / treasurer / clerk / recepcionista
    / receptionist / recepcion / recepcao / bibliotecaria / librarian / designer / disenador / disenadora / editor
    / editora / inspector / perito / almacen / almoxarifado / mantenimiento / manutencao / produccion / producao
    / calidad / qualidade / juridico / juridica / comercial / registrar / trainer / planner / supervision
    / coordinacion / coordenacao / direccion / direcao / subdirector / subdirectora / recursos / engineering
""")
)
COMPANIES: Final = frozenset(
    _of("""
    s.a / sa / s|a / a|s / s.a.c / sac / s.a.s / sas / s.r.l / srl / s.l / sl / ltda / ltd / inc / llc
    / s.a. de c.v / c.v
    / cia / corp / gmbh / eirl / e.i.r.l / s.p.a / spa / grupo / lda / eireli / s.l.u / slu / plc / group
    / universidad / universidade / university / banco / bank / hospital / clinica / clinic / ministerio
    / municipalidad / municipio / prefeitura / council / notaria / farmacia / pharmacy / colegio / escuela
    / escola / school / instituto / institute / fundacion / fundacao / foundation / asociacion / associacao
    / association / cooperativa / estudio / law / agencia / agency / laboratorio / constructora / construtora
    / transportes / seguros / inmobiliaria / imobiliaria
    / taller / tienda / libreria / livraria / ferreteria / panaderia / padaria / restaurante / restaurant / hotel
    / pousada / posada / editorial / imprenta / grafica / academia / academy / jardin / creche / iglesia / igreja
    / church / parroquia / sindicato / camara / consejo / conselho / gobierno / governo / ayuntamiento / alcaldia
    / superintendencia / tribunal / juzgado / policia / museo / museu / museum / biblioteca / library / teatro / club
    / clube / federacion / federacao / consorcio / condominio / inversiones / investimentos / industria / industrias
    / distribuidora / importadora / exportadora / servicios / servicos / services / soluciones / solucoes / solutions
    / consulting / consultores / consultoria / abogados / advogados / advocacia / associates / partners / asociados
    / associados / hermanos / irmaos / hijos / filhos / sons / & / empresa / company / centro / center / centre / trust
    / sociedad / sociedade / society / atelie / studio / loja / store / shop / oficina / office
""")
)
CARD_LABELS: Final = frozenset(
    _of("""
    tel / tel. / telf / telefono / telefonos / telefone / telefones / phone / cel / cel. / celular
    / movil / mobile
    / m / t / c / p / e / w / d / o / f / fax / whatsapp / wsp / ext / anexo / ramal / oficina / office
    / fono / fone / mob / cell / ph / sede / url
    / fijo / fixo / directo / direto / direct / central / email / e-mail / mail / correo / correo electronico
    / web / www / sitio web / skype / linkedin / direccion / endereco / address / site / pbx / telemovel
    / telefax / tlf / instagram / horario / horarios
""")
)
STREETS: Final = frozenset(
    _of("""
    av / c| / avda / avenida / calle / jr / jiron / carrera / cra / cl / cll / rua / street / st / road
    / piso / planta
    / oficina / of / col / colonia / blvd / paseo / km / urb / cep / c.p / cp / suite / edificio / torre / plaza
    / consultorio / bloque / bloco / sala / andar / bairro / barrio / reg / mat / floor / lane / avenue / berth
""")
)
IDENTIFIERS: Final = frozenset(
    _of("""
    dni / ruc / cpf / cnpj / nit / rut / rfc / curp / cedula / cc / pasaporte / passaporte / passport
    / pedido / factura
    / fatura / invoice / order / orden / ordem / ticket / caso / case / chamado / contrato / poliza / apolice
    / cuenta / conta / account / usuario / user / cliente / serie / serial / codigo / code / placa / guia
    / monto
""")
)
"""With a number they are what the mail is about, not a card's."""
DATA: Final = _of("""
    nombre / nome / name / telefono / telefone / phone / direccion / endereco / address / datos / dados
    / details
    / celular / cargo / empresa / profesion / profissao / cedula / contacto / contato
""")
"""What a mail asks for when a card is the answer."""

REQUESTS: Final = _of("""
    ? / envi / indi / inform / mand / facilit / confirm / proporcion / compart / escrib / escrev / dig / necesit
    / precis / please / send / provide / favor / podria / poderia
""")

ALL_DATA: Final = ("datos", "dados", "details", "ficha", "siguiente", "seguinte", "following")
"""So a sentence of any length announces them."""

# What programs and companies put below

SENT_FROM: Final = _of("""
    enviado desde / enviado con / enviado mediante / enviado a traves de / enviado por / enviado via
    / mandado desde / enviado do / enviado da / enviado pelo / enviado pela / enviada do / enviado a partir do
    / enviado com / enviado de / enviado usando / sent from / sent via / sent with / sent using
    / get outlook for
    / obtener outlook para / obten outlook para / obtenga outlook para / descargar outlook para
    / consigue outlook para / obter o outlook para / obtenha o outlook para / baixe o outlook para
    / get / obten / obtener / obtenha / obter / envoye de / envoye depuis / gesendet von / von meinem
    / inviato da / inviato dal
""")
DEVICES: Final = frozenset(
    _of("""
    iphone / ipad / ios / android / samsung / galaxy / huawei / xiaomi / redmi / motorola / moto
    / outlook / yahoo / gmail / windows / smartphone / celular / movil / blackberry / proton / protonmail
    / dispositivo / telefono / phone / device / tablet / mac / nokia / oppo / honor / telemovel / zimbra
    / thunderbird / mobile / mailbird / spark / hotmail / poco / lg / tableta / realme / pixel / icloud
""")
)
DEVICE_FILLING: Final = frozenset(
    _of("""
    mi / my / meu / minha / un / una / um / de / do / da / para / for / con / with / the / a / el / la
    / o / en / on
    / no / na / correo / mail / email / app / inteligente / smart / seguro / secure / mon / mio / dal / gesendet
    / get / obten / obtenga / obtenha / electronico / eletronico / please / excuse / any / typos
    / brevity / por / favor / disculpa / disculpe / la / las / los / faltas / errores
    / brevedad / desculpe / erros / brevidade / tu / aplicacion / aplicativo / e-mail / personal / mobile
    / com / por / desde / encrypted / cifrado
""")
)
MY: Final = frozenset(_of("mi / my / meu / minha"))
WITH_A_PROGRAM: Final = ("enviado con ", "enviado com ", "sent with ", "sent using ", "enviado usando ")
"""With a name behind it, of whatever program."""

NOTICE_BEGINS: Final = _of("""
    este mensaje / este correo / este e-mail / este email / esta comunicacion / aviso legal / aviso de
    / la informacion contenida / la informacion transmitida / confidencial / confidential / nota de confidencialid
    / el contenido de este / el presente correo / el presente mensaje / la presente comunicacion / advertencia
    / esta mensagem / as informacoes contidas / a informacao contida / o conteudo dest / nota de / aviso:
    / clausula de / declaracion de / en cumplimiento de / de conformidad con / la informacion de este
    / this e-mail / this email / this message / this communication / the information contained
    / the information in this / the contents of this / disclaimer / notice / important notice / privileged
    / importante: / le informamos que / de acuerdo con / en virtud de / proteccion de datos / si usted no es
    / if you are not the / if you have received this / se voce / caso voce / se nao e o / this transmission
    / atencion: / atencao: / o presente e-mail / a presente mensagem / a informacao transmitida
    / o presente correio
""")
NOTICE_TITLES: Final = _of("""
    aviso de confidencialid / aviso legal / nota de confidencialid / clausula de confidencialid / confidentiality notice
    / confidentiality note / disclaimer / privileged and confidential / aviso de privac
""")
"""What begins so needs to say less."""
NOTICE_WORDS: Final = (
    _of("confidencia / confidential / privilegiad / privileged / sigilo / reservad"),
    _of("""
    destinatari / intended recipient / addressee / intended for / dirigid / intended solely / destina-se
    / titular
    """),
    _of("""
    por error / por erro / in error / por engano / equivocacion / received this by mistake / recibido este
    """),
    _of("elimin / delete / destru / destroy / apag / borr"),
    _of("""
    prohibid / proibid / prohibited / unauthori / no autorizad / nao autorizad / strictly / divulga
    / sin autorizacion
    """),
    _of("notifi / notify / avis / inform / comuni"),
    _of("copia / copy / copi / distribu / reprodu / dissemin / difusion / difusao"),
    _of(
        "datos personales / dados pessoais / personal data / proteccion de datos / lgpd / rgpd / gdpr / ley "
    ),
)
"""Kinds of things that such a notice says."""

NOTICE_TELLS: Final = _of("""
    si usted / si ha / si no es / si lo ha / si lo reci / si recib / si este / si ud / en caso de
    / prohib / proib
    / exclusiv / if you / if received / intended / se voce / se a rec / se o rec / se nao / caso voce
    / caso tenha
    / caso nao / caso a tenha / solicitamos / rogamos / puede contener / pode conter / may contain / destina-se
""")
"""A notice is about whoever may read it; without one of these somebody tells what happened."""

PRINTING: Final = _of("""
    antes de imprimir / piense en el medio ambiente / before printing / consider the environment
    / please consider the environment / pense no meio ambiente / por favor, considere el medio
    / por favor considere el medio / no imprima este / evite imprimir / cuidemos el medio ambiente
    / think before you print / please think before / antes de imprimi-lo / pense antes de imprimir
    / piense antes de imprimir / pense na natureza
""")
NATURE: Final = _of("""
    medio ambiente / meio ambiente / environment / planeta / planet / naturaleza / natureza / arboles
    / arvores / trees
""")
VIRUS_FREE: Final = _of("""
    libre de virus / livre de virus / virus-free / sin virus / no virus found / el software de antivirus
    / este correo electronico ha sido comprobado / este e-mail foi verificado pelo antivirus
    / este email foi escaneado pelo avast / this email has been checked for viruses
""")
