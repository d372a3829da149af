"""A mail that asks for access and for nothing else: it is answered with the way in, and nobody has to read it.

Whoever has a problem is never answered so: a ticket too many costs a glance, a ticket too few a customer. So the mail has to be
short, to ask for access in so many words, and to say nothing besides but a greeting, who it is from, thanks. A word that is not
known is something else: access to a patient's record, access that was there yesterday.
"""

from __future__ import annotations

import re
from typing import Final

from chatserver.mail.message import Arrival
from chatserver.mail.words import LONGEST, plain

WORDS_AT_MOST: Final = 60

_WANTS: Final = (
    # to be let in
    r"(?:me|nos) (?:dan|das|da|dais|pueden dar|puedes dar|puede dar|podrian dar|podrias dar|darian|darias|brindan|brinda"
    r"|pueden brindar|podrian brindar|conceden|habilitan|habilita|pueden habilitar|podrian habilitar)(?: el| un)? acceso",
    r"(?:dar|brindar|habilitar|conceder)(?:me|nos) (?:el |un )?acceso",
    r"(?:denme|dennos|dame|danos|deme) acceso",
    r"(?:quiero|quisiera|queria|necesito|queremos|quisieramos|necesitamos|solicito|solicitamos|pido|requiero|requerimos|deseo)"
    r"(?: tener| pedir| solicitar| obtener)?(?: el| un| mi)? acceso",
    r"(?:solicitud|pedido) de (?:acceso|registro|alta|usuario)",
    r"como (?:puedo |podemos |hago para |hacemos para |se puede )?(?:acceder|acceso|ingresar|entrar|registrarme|registrarnos"
    r"|me registro|nos registramos|obtengo acceso|obtener acceso|crear (?:una|mi) cuenta|creo (?:una|mi) cuenta)",
    # to be registered
    r"(?:quiero|quisiera|queria|necesito|queremos|quisieramos|necesitamos|deseo|me gustaria|nos gustaria|puedo|podemos)"
    r" (?:registrarme|registrarnos|darme de alta|darnos de alta|inscribirme"
    r"|crear (?:una|mi|nuestra) cuenta|abrir (?:una|mi) cuenta)",
    r"(?:me|nos) (?:pueden |puedes |puede |podrian |podrias )?(?:registran|registrar|registras|dan de alta|dar de alta"
    r"|crean una cuenta|crear una cuenta|crean un usuario|crear un usuario)",
    r"(?:crear(?:me|nos)|creenme|creennos) (?:una cuenta|un usuario)",
    r"(?:envian|envien|enviar|mandan|manden|mandar|enviarme|mandarme|pasan|pasarme)(?:me|nos)?(?: el| un)?"
    r" (?:enlace|link|liga|vinculo) (?:de|para|del) (?:registro|registrar\w*|acceso|acceder|invitacion)",
    # Portuguese
    r"(?:quero|queria|gostaria de|preciso|precisamos|queremos|gostariamos de|solicito|solicitamos|desejo)"
    r"(?: de)?(?: ter| obter| solicitar| pedir| receber)?(?: o| um| meu)? acesso",
    r"(?:podem|pode|poderiam|poderia|voces podem)(?: me| nos)? (?:dar|liberar|conceder|fornecer)(?:-me|-nos)?(?: o| um)? acesso",
    r"(?:me|nos) (?:deem|dao|da|liberam|libera|liberem)(?: o| um)? acesso",
    r"(?:liberar|liberacao d[eo]|solicitacao de|pedido de) (?:o |meu )?(?:acesso|cadastro)",
    r"(?:quero|queria|gostaria de|preciso|precisamos|queremos|gostariamos de|desejo)(?: de)?"
    r" (?:me cadastrar|nos cadastrar|me registrar|nos registrar|fazer (?:o |um |meu )?cadastro|criar (?:uma|minha) conta)",
    r"como (?:faco|fazemos|posso|podemos|eu faco)(?: para)? (?:me cadastrar|nos cadastrar|o cadastro|me registrar|acessar"
    r"|ter acesso|obter acesso|entrar|criar (?:uma|minha) conta)",
    r"(?:podem|pode|poderiam|poderia)(?: me| nos)? (?:cadastrar|registrar|enviar o link (?:de|para o?) ?(?:cadastro|acesso))",
    # English
    r"(?:can|could|may|would) (?:you|i|we) (?:please )?(?:give|grant|get|have|provide|request|be given|send)(?: me| us)?"
    r"(?: with)?(?: an?| the)? access",
    r"(?:i|we)(?: would|'d)?(?: really)? (?:want|need|like|wish|request)(?: to)?(?: have| get| request| be given)?"
    r"(?: an?| the)? access",
    r"(?:please |kindly )(?:give|grant|provide|send)(?: me| us)?(?: with)?(?: an?| the)? access",
    r"(?:access|registration|sign-?up) request",
    r"(?:requesting|request for) access",
    r"(?:i|we)(?: would|'d)? (?:want|need|like|wish) to (?:register|sign up|create an account|open an account)",
    r"how (?:do|can|could|should) (?:i|we) (?:register|sign up|get access|access|log ?in|sign in|create an account|get in)",
    r"(?:can|could|would) you (?:please )?(?:register|sign) (?:me|us)(?: up)?",
    r"(?:can|could|would) you (?:please )?(?:create an account for (?:me|us)|send (?:me|us) (?:the|an?) (?:registration"
    r"|sign-?up|invitation) link)",
)
_ASKS: Final = re.compile(r"(?<!\w)(?:" + "|".join(_WANTS) + r")(?!\w)")

_BESIDES: Final = frozenset(
    re.findall(
        r"\w+",
        """
        hola holaa buenas buenos buen dia dias tardes noches tarde noche estimado estimada estimados estimadas cordial cordiales
        saludo saludos gracias muchas mil por favor porfa porfavor les los las le lo la el un una de del al a en para con su sus
        mi mis me nos nuestro nuestra nuestros nuestras equipo empresa compania yo usted ustedes tu mismo aqui atento atenta
        atentamente quedo quedamos espero esperamos respuesta pronta pronto desde ya agradezco agradecemos agradeceria ayuda
        ayudar pueden puede podrian podria favor es esta este correo mail email e direccion
        portal sistema plataforma pagina sitio web soporte tickets ticket mesa servicio aplicacion app cuenta usuario usuarios
        acceso acceder ingresar ingreso registro registrarme registrarnos solicitud consulta pedido alta nuevo nueva primera vez
        ola oi bom boa bons boas manha prezado prezada prezados prezadas caro caros obrigado obrigada obrigados agradeco desde
        grato grata o os as um uma do da dos das ao aos no na nos para com seu sua meu minha minhas meus nossa nosso eu voces voce
        equipe firma respeitosamente cordialmente fico aguardo aguardando retorno ajuda podem pode poderiam poderia
        sistema chamados chamado suporte site acesso acessar entrar cadastro cadastrar pedido solicitacao novo nova
        hi hello dear hey good morning afternoon evening thanks thank you very much many regards best kind sincerely cheers please
        the a an to of for our my me us team company and help your support desk site website system platform account access login
        register registration request sign up user new this is it i we would could in advance looking forward
        """,
    )
)
"""What stands around it. No word of negation, of time or of trouble, and no thing within the product, may ever come in here."""
_NAMED: Final = re.compile(
    r"(?<!\w)(?:soy|somos|me llamo|mi nombre es|trabajo en|trabajamos en|sou|me chamo|meu nome e|trabalho na|trabalho no"
    r"|i am|i'm|we are|my name is|de parte de|para mi empresa|para nuestra empresa)"
    r"(?: (?!(?:no|nao|not|y|e|and|pero|mas|but|que|quien|who|sin|sem|without|ya|desde|unable)\b)"
    r"[^\W\d_][\w'&.-]{0,30}){1,6}"
)
_ADDRESS: Final = re.compile(r"[\w.+-]{1,64}@[\w.-]{1,255}")
_WORD: Final = re.compile(r"[\w']+")


def only_asks_for_access(mail: Arrival) -> bool:
    """Of a mail that begins something: an answer within a ticket is never looked at so."""
    if mail.answers or mail.files or not mail.whole or len(mail.said) > LONGEST:
        return False
    subject, text = plain(mail.subject), " ".join(plain(mail.said).split())
    if len(text.split()) > WORDS_AT_MOST:
        return False
    asks = _ASKS.search(text) or _ASKS.search(subject)
    known = _BESIDES | set(_WORD.findall(plain(mail.sender.name)))
    return asks is not None and _nothing_besides(text, known) and _nothing_besides(subject, known)


def _nothing_besides(text: str, words: frozenset[str]) -> bool:
    for stated in (_ASKS, _ADDRESS, _NAMED):
        text = stated.sub(" ", text)
    return all(word in words for word in _WORD.findall(text))
