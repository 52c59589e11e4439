"""What the stand-in says in a chat, in the eight languages: few sentences, none of which pretends to know more."""

# ruff: noqa: E501 -- tables of sentences.

import re

ASKS_IDEAS = re.compile(
    r"\b(?:ideas?|inspir\w*|suggest\w*|ideias?|sugest\w*|ideen?|vorschl\w*|sugerencias?|idées?|propos\w*|иде[яиюй]\w*)\b|灵感|主意|点子|想法|أفكار|فكرة",
    re.IGNORECASE,
)
ASKS_ABILITIES = re.compile(
    r"what can you do|\bhelp\b|o que (?:você )?(?:sabe|pode|consegue)|was kannst du|qué (?:sabes|puedes)|que (?:sais|peux)-?\s?tu|что ты умеешь|помоги|你能做什么|你会什么|ماذا (?:تستطيع|يمكنك)",
    re.IGNORECASE,
)
THANKS = re.compile(r"^\s*(?:thanks?|thank you|obrigad[oa]|danke|gracias|merci|спасибо|谢谢|شكرا)\b", re.IGNORECASE)
GREETS = re.compile(
    r"^\s*(?:hi|hello|hey|good (?:morning|evening)|oi|olá|bom dia|boa noite|hallo|guten (?:tag|morgen|abend)|hola|buenos días|bonjour|salut|привет|здравствуй\w*|你好|您好|مرحبا|السلام)(?!\w)",
    re.IGNORECASE,
)

HELLO = {
    "en": "Hello{name}! What shall we talk about? I can also think of a picture for you: ask me for ideas.",
    "pt": "Olá{name}! Sobre o que vamos conversar? Também posso pensar em uma imagem: peça ideias.",
    "de": "Hallo{name}! Worüber wollen wir reden? Ich kann mir auch ein Bild ausdenken: Frag mich nach Ideen.",
    "es": "¡Hola{name}! ¿De qué hablamos? También puedo pensar en una imagen: pídeme ideas.",
    "fr": "Bonjour{name} ! De quoi parlons-nous ? Je peux aussi imaginer une image : demande-moi des idées.",
    "ru": "Привет{name}! Чем могу помочь? Могу и придумать картинку: спросите, какие есть идеи.",
    "zh": "你好{name}！我们聊点什么？我也可以帮你构思图片：问我要点子吧。",
    "ar": "مرحبا{name}! عمّ نتحدث؟ يمكنني أيضًا التفكير في صورة: اطلب مني أفكارًا.",
}
WELCOME = {
    "en": "You're welcome!",
    "pt": "De nada!",
    "de": "Gern geschehen!",
    "es": "¡De nada!",
    "fr": "Avec plaisir !",
    "ru": "Пожалуйста!",
    "zh": "不客气！",
    "ar": "على الرحب والسعة!",
}
IDEAS = {
    "en": (
        "a red fox in a snowy forest at dawn",
        "a lighthouse by the sea at night",
        "two penguins and a snowman",
        "a dragon and a castle at sunset",
        "a cup of coffee by the window in the rain",
        "an astronaut and a rocket",
    ),
    "pt": (
        "uma raposa na neve ao amanhecer",
        "um farol à noite",
        "dois pinguins na neve",
        "um dragão e um castelo ao entardecer",
        "um gato preto no sofá",
        "um astronauta e um foguete",
    ),
    "de": (
        "ein Fuchs im verschneiten Wald",
        "ein Leuchtturm am Meer bei Nacht",
        "zwei Pinguine im Schnee",
        "ein Drache und eine Burg am Abend",
        "eine schwarze Katze auf dem Sofa",
        "ein Astronaut und eine Rakete",
    ),
    "es": (
        "un zorro en la nieve al amanecer",
        "un faro junto al mar de noche",
        "dos pingüinos en la nieve",
        "un dragón y un castillo al atardecer",
        "un gato negro en el sofá",
        "un astronauta y un cohete",
    ),
    "fr": (
        "un renard dans la neige à l’aube",
        "un phare au bord de la mer la nuit",
        "deux pingouins dans la neige",
        "un dragon et un château au crépuscule",
        "un chat noir sur le canapé",
        "un astronaute et une fusée",
    ),
    "ru": (
        "лиса в зимнем лесу на рассвете",
        "маяк у моря ночью",
        "два пингвина в снегу",
        "дракон и замок на закате",
        "чёрный кот на диване",
        "космонавт и ракета",
    ),
    "zh": ("清晨雪林里的狐狸", "夜晚海边的灯塔", "雪中的两只企鹅", "日落时的龙和城堡", "沙发上的黑猫", "宇航员和火箭"),
    "ar": (
        "ثعلب في الثلج عند الفجر",
        "منارة على البحر في الليل",
        "بطريق في الثلج",
        "تنين وقلعة عند الغروب",
        "قطة سوداء في الغرفة",
        "رائد فضاء وصاروخ",
    ),
}
HERE_ARE_IDEAS = {
    "en": "Three ideas for a picture:",
    "pt": "Três ideias para uma imagem:",
    "de": "Drei Ideen für ein Bild:",
    "es": "Tres ideas para una imagen:",
    "fr": "Trois idées d’image :",
    "ru": "Три идеи для картинки:",
    "zh": "三个图片点子：",
    "ar": "ثلاث أفكار لصورة:",
}
DEPICTED = {
    "en": "“{said}” would make a fine picture. I see it as {seen}, with soft light and one clear subject.",
    "pt": "“{said}” daria uma bela imagem: luz suave e um único motivo bem claro.",
    "de": "„{said}“ gäbe ein schönes Bild: weiches Licht und ein klares Motiv.",
    "es": "«{said}» sería una buena imagen: luz suave y un solo motivo bien claro.",
    "fr": "« {said} » ferait une belle image : une lumière douce et un seul sujet bien net.",
    "ru": "Понимаю: «{said}». Получилась бы хорошая картинка: мягкий свет и один ясный сюжет.",
    "zh": "“{said}”会是一张好图：柔和的光线，一个清晰的主体。",
    "ar": "«{said}» تصلح صورة جميلة: ضوء ناعم وموضوع واحد واضح.",
}
KNOWS_LITTLE = {
    "en": "I read “{said}”, but in this demo a stand-in plays Gemini, and it knows only a little. Ask me for ideas for a picture, a sum, a list or some code, send me a picture, or tell me your name and see whether I remember it.",
    "pt": "Li “{said}”, mas nesta demonstração um substituto faz o papel do Gemini e sabe pouco. Peça ideias para uma imagem, faça uma conta ou envie uma imagem.",
    "de": "Ich lese „{said}“, doch in dieser Demo spielt ein Ersatz die Rolle von Gemini und weiß nur wenig. Frag mich nach Ideen für ein Bild, lass mich rechnen, oder schick mir ein Bild.",
    "es": "Leo «{said}», pero en esta demostración un sustituto hace de Gemini y sabe poco. Pídeme ideas para una imagen, una cuenta o envíame una imagen.",
    "fr": "Je lis « {said} », mais dans cette démo un remplaçant joue Gemini, et il sait peu de choses. Demande-moi des idées d’image, un calcul, ou envoie-moi une image.",
    "ru": "Понимаю: «{said}». Но в этой демонстрации вместо Gemini отвечает заглушка, и знает она немного. Спросите идеи для картинки, дайте пример на сложение или пришлите картинку.",
    "zh": "我看到“{said}”。不过在这个演示里，扮演 Gemini 的是替身，懂得不多。可以问我图片点子、算术，或者发一张图片给我。",
    "ar": "قرأت «{said}»، لكن في هذا العرض يؤدي بديل دور Gemini ولا يعرف إلا القليل. اطلب مني أفكارًا لصورة أو عملية حسابية، أو أرسل لي صورة.",
}


def ideas(language: str, first: int) -> list[str]:
    """Return three ideas for pictures, beginning with the one of that number."""
    known = IDEAS[language]
    return [known[(first + step) % len(known)] for step in (0, 1, 3)]
