"""Whether an idea asks for a picture with nothing on it. Pure.

A black picture is what safety checkers of diffusers models answer with, and one of one colour is what a provider in
trouble answers with; "a plain white sheet" and "black square" are answered so as well, and rightly.
"""

import re

MAX_LENGTH = 300  # characters; who asks for nothing needs few words

# In the bot's languages. Only where nothing else is said but these, the emptiness is what is asked for.
_COLOURS = (
    "black white grey gray red green blue yellow orange pink purple violet brown beige dark "
    "preto preta branco branca cinza schwarz schwarze schwarzer schwarzes weiß weiße weißer weißes grau graue "
    "negro negra blanco blanca gris noir noire blanc blanche "
    "чёрный чёрная чёрное черный черная черное белый белая белое серый серая серое "
    "黑色 白色 灰色 黑 白 灰 أسود سوداء أبيض بيضاء رمادي رمادية"
)
_PLAIN = (
    "plain blank empty solid uniform pure monochrome nothing void "
    "vazio vazia liso lisa puro pura nada leer leere leerer leeres einfarbig einfarbige rein reines nichts "
    "vacío vacía liso puro nada vide uni unie uniforme pur rien "
    "пустой пустая пустое чистый чистая чистое однотонный однотонная ничего "
    "纯 空白 纯色 空 فارغ فارغة سادة"
)
_SURFACES = (
    "sheet paper square rectangle circle background backdrop screen canvas wall page surface color colour image "
    "picture photo photograph frame texture "
    "folha papel quadrado fundo tela página cor imagem Blatt Papier Quadrat Rechteck Hintergrund Bildschirm Leinwand "
    "Seite Farbe Bild Fläche hoja cuadrado fondo pantalla lienzo color feuille papier carré fond écran toile couleur "
    "лист бумаги бумага квадрат фон экран холст страница цвет "
    "纸 正方形 方块 背景 屏幕 画布 页面 图片 ورقة مربع خلفية شاشة لوحة صفحة لون صورة"
)
_BESIDE = (
    "a an the of on in with and or but else only just completely entirely fully all over it is at no not without any "
    "whole entire full filling filled fills even evenly flat smooth seamless lit light lighting soft clean simple "
    "minimal minimalist minimalistic details detail shadow shadows objects object text high resolution quality matte "
    "edge to covering covered um uma de em sem só apenas e ein eine einer ein auf in mit und ohne nur sonst "
    "un una de en sin solo y une du de sur sans seulement et на в без и только "
    "的 一 张 个 什么 都 没有 只有 على من بدون فقط"
)


def _words(*lists: str) -> "re.Pattern[str]":
    # Scripts that are written without spaces have no word boundaries to look for; the longest sign group comes first.
    words = sorted({word for one in lists for word in one.casefold().split()}, key=len, reverse=True)
    spaced = "|".join(word for word in words if word[0] < "\u3000")
    unspaced = "|".join(word for word in words if word[0] >= "\u3000")
    return re.compile(rf"\b(?:{spaced})\b|(?:{unspaced})")


_TELLING = _words(_COLOURS, _PLAIN)
_ALL = _words(_COLOURS, _PLAIN, _SURFACES, _BESIDE)


def asks_for_plain(words: str) -> bool:
    """Whether these words ask for one colour and nothing else; when in doubt, not."""
    text = words.casefold()
    if len(text) > MAX_LENGTH or _TELLING.search(text) is None:
        return False
    return not any(character.isalnum() for character in _ALL.sub("", text))
