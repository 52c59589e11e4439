"""The words of ideas, in eight languages: what each of them names of a picture."""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

# ruff: noqa: E501 -- tables of words.

# A column a language; Chinese has Japanese and Korean words beside it. ``*`` stands for any ending.
LANGUAGES = ("en", "pt", "de", "es", "fr", "ru", "zh", "ar")

SUBJECTS = """
fox        | fox foxes vixen | raposa* | fuchs* füchs* | zorro* zorra* | renard* | лис* | 狐 여우 | ثعلب* ثعالب
cat        | cat cats kitten kittens kitty | gato gata gatos gatas gatinh* | katze* kater* kätzchen | gato gata gatos gatit* | chat chats chatte chaton* | кіт кот кота котик* котён* котен* кошк* кошек | 猫 고양이 | قط قطة قطط هرة
wolf       | wolf wolves husky | lobo loba lobos | wolf wölfe* wolfs | lobo lobos | loup loups | волк* | 狼 | ذئب* ذئاب
dog        | dog dogs puppy puppies corgi labrador retriever | cachorr* cão cães | hund hunde* hündchen welpe* | perro perra perros perrit* | chien* chiot* | собак* щен* пёс пса | 狗 犬 | كلب* كلاب جرو
pitbull    | pitbull pitbulls bulldog bulldogs pug | pitbull* buldogue* | pitbull* bulldogge* mops | pitbull* bulldog* | pitbull* bouledogue* | питбул* бульдог* | 斗牛犬 比特犬 | بيتبول بولدوغ
rabbit     | rabbit rabbits bunny hare | coelh* lebre | hase hasen kaninchen häschen | conejo* conejit* liebre | lapin* lièvre | зайц* зайч* заяц кролик* | 兔 | أرنب* أرانب
bear       | bear bears teddy grizzly winnie | urs* ursinho* | bär* | oso osos osa osito* | ours ourson* | медвед* мишк* | 熊 | دب دببة
panda      | panda pandas | panda* | panda* | panda* | panda* | панд* | 熊猫 | باندا
owl        | owl owls | coruja* | eule* uhu | búho* lechuza* | hibou* chouette | сова совы сову совой филин* | 猫头鹰 | بومة بوم
tiger      | tiger tigers | tigre* | tiger* | tigre* | tigre* | тигр* | 虎 | نمر* نمور
lion       | lion lions | leão leões leoa | löwe* | león leones leona | lion* lionne | лев льв* | 狮 | أسد*
mouse      | mouse mice | ratinh* rato ratos | maus mäuse* | ratón ratones | souris | мыш* | 鼠 | فأر* فئران
pig        | pig pigs piglet | porc* porquinh* | schwein* ferkel* | cerd* | cochon* | свин* порос* | 猪 | خنزير*
koala      | koala koalas | coala* | koala* | koala* | koala* | коал* | 考拉 | كوالا
squirrel   | squirrel squirrels | esquilo* | eichhörnchen* | ardilla* | écureuil* | белк* белоч* | 松鼠 | سنجاب* سناجب
horse      | horse horses pony | cavalo* égua* potro* | pferd* pony | caballo* yegua* | cheval* chevaux poney* | лошад* конь коня пони | 马 | حصان خيل* أحصنة
unicorn    | unicorn unicorns | unicórnio* | einh?rn* | unicornio* | licorne* | единорог* | 独角兽 |
elephant   | elephant elephants | elefante* | elefant* | elefante* | éléphant* | слон* | 象 | فيل فيلة أفيال
penguin    | penguin penguins | pingui* | pinguin* | pingüino* | pingouin* manchot* | пингвин* | 企鹅 | بطريق* بطاريق
fish       | fish goldfish shark | peixe* | fisch fische* | pez peces | poisson* | рыб* | 鱼 | سمك* أسماك
whale      | whale whales orca dolphin dolphins | baleia* golfinho* | wal wale walfisch* delfin* | ballena* delfín delfines | baleine* dauphin* | кит кита киты китов дельфин* | 鲸 海豚 | حوت حيتان دلفين
butterfly  | butterfly butterflies | borboleta* | schmetterling* | mariposa* | papillon* | бабоч* | 蝴蝶 | فراشة فراشات
dragon     | dragon dragons | dragão dragões | drache* drachen | dragón dragones | dragon* | дракон* | 龙 | تنين* تنانين
boy        | boy boys child kid son | menino* garoto* criança* | junge jungen kind kinder | niño niños chico* | garçon* enfant* | мальчик* ребён* ребен* дети | 男孩 孩子 小孩 | ولد طفل أطفال صبي
girl       | girl girls daughter | menina* garota* | mädchen | niña niñas chica* | fille* fillette* | девочк* девушк* | 女孩 姑娘 少女 | فتاة بنت طفلة
man        | man men guy farmer fisherman sailor | homem homens pescador* | mann männer* fischer | hombre* pescador* | homme* pêcheur* | мужчин* человек* рыбак* | 男人 渔夫 人 | رجل* رجال صياد
woman      | woman women lady dancer | mulher* bailarina* | frau frauen tänzerin* | mujer* bailarina* | femme* danseuse* | женщин* танцовщ* | 女人 舞者 | امرأة سيدة نساء
old man    | grandfather grandpa grandman | avô velho* | opa großvater* | abuelo* | grand-père vieillard* | дедушк* старик* | 老人 爷爷 | عجوز
old woman  | grandmother grandma grandwoman | avó velha* | oma großmutter* | abuela* | grand-mère* | бабушк* старуш* | 奶奶 | جدة
princess   | princess queen | princesa* rainha* | prinzessin* königin* | princesa* reina* | princesse* reine* | принцесс* королев* | 公主 女王 | أميرة ملكة
king       | king prince | rei príncipe* | könig könige* prinz* | rey príncipe* | roi prince* | король* королю принц | 国王 王子 | ملك أمير
wizard     | wizard witch magician | mago* bruxa* feiticeir* | zauberer* hexe* | mago* bruja* hechicero* | sorcier* magicien* | волшебник* ведьм* маг | 巫师 魔法师 女巫 | ساحر* ساحرة
astronaut  | astronaut astronauts cosmonaut spaceman | astronauta* | astronaut* raumfahrer* | astronauta* | astronaute* cosmonaute* | космонавт* астронавт* | 宇航员 | رائد
robot      | robot robots android | robô* robot* | roboter* | robot* | robot* | робот* | 机器人 ロボット | روبوت*
boat       | boat boats ship sailboat yacht | barco* navio* veleiro* | boot boote schiff* segelboot* | barco* velero* bote | bateau* navire* voilier* | кораб* лодк* яхт* парусник* | 船 帆船 | قارب* قوارب سفينة سفن
lighthouse | lighthouse beacon | farol faróis | leuchtt?rm* | faro faros | phare* | маяк* | 灯塔 | منارة فنار
castle     | castle fortress palace | castelo* palácio* | schloss burg burgen schlösser* | castillo* palacio* | château* palais | замок замк* дворец дворц* | 城堡 宫殿 | قلعة قصر قلاع
house      | house houses cabin cottage hut home | casa casas cabana* casinha* | haus häuser* hütte* häuschen | casa casas cabaña* | maison* cabane* | дом дома домик* избушк* хижин* | 家 房子 小屋 | بيت* منزل* كوخ بيوت
balloon    | balloon balloons airship | balão balões | ballon* heißluft* | globo globos | montgolfière* ballon* | шар шара воздушн* | 气球 | منطاد* بالون*
rocket     | rocket spaceship spacecraft | foguete* nave | rakete* raumschiff* | cohete* nave | fusée* vaisseau* | ракет* | 火箭 飞船 | صاروخ*
car        | car cars truck taxi van automobile | carro carros automóvel | auto autos wagen | coche coches auto carro* | voiture* | машин* автомобил* | 汽车 车 | سيارة سيارات
train      | train trains locomotive tram | trem trens comboio* | zug züge lokomotive* eisenbahn* | tren trenes | train* locomotive | поезд* паровоз* | 火车 | قطار*
plane      | plane airplane aeroplane aircraft jet | avião aviões | flugzeug* | avión aviones | avion avions | самолёт* самолет* | 飞机 | طائرة طائرات
bicycle    | bicycle bike bicycles | bicicleta* | fahrrad fahrräder* | bicicleta* bici | vélo vélos bicyclette* | велосипед* | 自行车 | دراجة
tree       | tree oak palm bonsai | árvore* palmeira* | baum bäume eiche* palme* | árbol palmera* | arbre palmier* | дерево дуб | 树 | شجرة نخلة
flower     | rose sunflower tulip tulips roses sunflowers | rosa girassol girassóis tulipa* | rose sonnenblume* tulpe* | rosa girasol* tulipán* | tournesol* tulipe* | роз* подсолнух* тюльпан* | 玫瑰 向日葵 | وردة زهرة
mushroom   | mushroom mushrooms | cogumelo* | pilz pilze* | seta setas hongo* | champignon* | гриб* | 蘑菇 | فطر فطور
cup        | cup coffee tea mug | xícara* café chá | tasse kaffee* tee | taza* café té | tasse café thé | чашк* кофе | 咖啡 杯 茶 | فنجان* كوب قهوة شاي
cake       | cake cupcake birthday | bolo bolos aniversário | kuchen* torte* | pastel tarta* torta* | gâteau* | торт* пирог* | 蛋糕 | كعكة كعك
apple      | apple apples | maçã maçãs | apfel äpfel* | manzana* | pomme pommes | яблок* | 苹果 | تفاحة تفاح
windmill   | windmill windmills mill | moinho* | windmühle* mühle* | molino* | moulin* | мельниц* | 风车 | طاحونة
tent       | tent campfire | barraca* acampamento* | zelt zelte* | carpa | tente tentes | палатк* | 帐篷 | خيمة خيام
snowman    | snowman snowmen | | schneemann* | | | снеговик* | 雪人 |
pumpkin    | pumpkin pumpkins halloween | abóbora* | kürbis* | calabaza* | citrouille* | тыкв* | 南瓜 | يقطين قرع
birds      | bird birds raven gulls eagle parrot | pássaro* ave aves gaivota* | vogel* vögel* möwe* | pájaro* ave aves gaviota* | oiseau* mouette* | птиц* чайк* | 鸟 | طائر طيور عصفور
"""
LANDS = """
room       | room kitchen sofa bedroom library cafe window indoors table couch armchair | sala cozinha sofá quarto janela biblioteca mesa poltrona | zimmer küche sofa fenster tisch bibliothek sessel | habitación cocina sofá ventana mesa biblioteca sillón | salon cuisine canapé chambre fenêtre table bibliothèque | комнат* кухн* диван* окн* стол столе | 房间 厨房 沙发 窗 | غرفة مطبخ أريكة نافذة
underwater | underwater coral reef aquarium seabed | subaquátic* coral recife aquário debaixo | unterwasser korallen* aquarium | submarin* coral acuario bajo | récif corail aquarium | подводн* аквариум* | 海底 水下 | مرجان أعماق
space      | space planet planets galaxy cosmic nebula mars | espaço espacial planeta* galáxia* marte | weltraum weltall planet* galaxie* | espacio planeta* galaxia* | espace planète* galaxie* | космос* планет* | 太空 宇宙 | فضاء كوكب
city       | city street town tokyo skyline skyscraper cyberpunk neon paris york bridge | cidade* rua ruas | stadt* straße* gasse | ciudad* calle* | ville villes rue rues | город* улиц* | 城市 街 町 市 도시 | مدينة شارع مدن
sea        | sea ocean beach island lake harbour coast shore waves harbor river | mar praia* oceano* ilha* lago rio litoral | meer* strand* see insel* ozean* hafen* küste* | mar playa* océano* isla* lago costa | mer plage* océan* île* lac port | море моря морем морск* океан* пляж* озер* остров* берег* | 海 湖 沙滩 바다 | بحر* شاطئ محيط بحيرة جزيرة
desert     | desert dune dunes camel sahara cactus | deserto* duna* | wüste* düne* | desierto* duna* | désert* dune* | пустын* | 沙漠 | صحراء
mountains  | mountain mountains alps peak peaks hill hills | montanha* serra | berg* gebirge* alpen | montaña* | montagne* alpes | гор горы горах горам гора | 山 | جبل* جبال
forest     | forest trees wood woods pine jungle | floresta* mata bosque* árvores | wald* wälder* | bosque* selva* árboles | forêt* bois arbres | ліс* лес лесу леса лесной | 森 林 숲 | غابة غابات
meadow     | meadow field fields flower flowers garden spring grass park | campo* flor flores jardim prado* primavera parque | wiese* feld* blume* garten* frühling* park | campo* flor flores jardín prado primavera parque | champ champs fleur* jardin* pré printemps parc | поле поля поляна поляне луг* цветы цветок цветами цветов цветущ* сад саду весн* парк* | 花 草地 花园 春 田 | زهور* حديقة حقل ربيع مرج ورود
"""
HOURS = """
night      | night midnight moon moonlit moonlight star stars starry aurora neon cyberpunk nighttime | noite* lua luar estrelad* estrela* aurora | nacht* nächtlich* mond* stern* | noche* luna estrellad* estrella* | nuit* lune étoile* étoilé* | ніч* ноч* лун* звёзд* звезд* | 夜 月 星 밤 | ليل* قمر نجوم
dusk       | dusk sunset evening twilight golden | pôr anoitecer entardecer crepúsculo | sonnenuntergang* abend* dämmerung | atardecer ocaso crepúsculo anochecer | crépuscule soir* coucher | закат* вечер* сумерк* | 黄昏 日落 傍晚 夕 | غروب مساء
dawn       | dawn sunrise morning | amanhecer manhã alvorada | sonnenaufgang* morgen* | amanecer mañana alba | aube matin* lever | рассвет* утр* | 日出 清晨 早晨 黎明 朝 | فجر شروق صباح
day        | day noon sunny daylight bright sunshine midday | dia sol ensolarad* | tag tags sonnig* mittag* | día sol soleado | jour ensoleill* midi | день днём днем солнечн* | 白天 晴 正午 | نهار مشمس ظهر
"""
WEATHERS = """
snow       | snow snowy winter ice icy frost frozen arctic blizzard christmas | neve nevad* inverno natal gelo | schnee* winter* verschneit* eis | nieve nevad* invierno navidad hielo | neige* hiver* enneigé* noël glace | сніг* снег* снеж* зим* лёд | 雪 冬 冰 눈 | ثلج* شتاء جليد
rain       | rain rainy storm stormy | chuva* chuvos* tempestade* | regen* sturm* gewitter | lluvia* lluvios* tormenta* | pluie* orage* tempête* pluvieu* | дожд* гроз* шторм* бур* | 雨 | مطر* عاصفة
mist       | mist misty fog foggy | neblina névoa nevoeiro | nebel* neblig* | niebla bruma | brume* brouillard* | туман* | 雾 霧 | ضباب
"""
COLOURS = """
red        | red crimson scarlet ginger | vermelh* | rot rote roten roter rotes | rojo roja rojos rojas | rouge rouges | красн* рыж* алый алая | 红 赤 | أحمر حمراء
orange     | orange | laranja | orange* | naranja | orange | оранжев* | 橙 | برتقالي
yellow     | yellow golden | amarel* dourad* | gelb* golden* | amarill* dorad* | jaune* doré* | жёлт* желт* золот* | 黄 金 | أصفر صفراء ذهبي
green      | green emerald | verde verdes | grün* | verde verdes | vert verte vertes verts | зелён* зелен* | 绿 | أخضر خضراء
blue       | blue azure turquoise | azul azuis | blau* | azul azules | bleu* | синий синяя синее синего синей голуб* | 蓝 青 | أزرق زرقاء
purple     | purple violet lilac | rox* lilás | lila violett* | morad* violeta | violet* mauve | фиолетов* лилов* | 紫 | بنفسجي
pink       | pink | rosa | rosa | rosa | rose | розов* | 粉 | وردي
brown      | brown | marrom castanh* | braun* | marrón café | brun brune marron | коричнев* бурый бурая | 棕 | بني
black      | black | pret* negr* | schwarz* | negr* | noir noire noirs | чёрн* черн* | 黑 | أسود سوداء
white      | white | branc* | weiß* | blanc* | blanc blanche* | бел* | 白 | أبيض بيضاء
grey       | grey gray silver | cinza* prata | grau* silber* | gris plata | gris grise* argent | серый серая серое серые серого серой | 灰 | رمادي
"""
NUMBERS = """
two        | two pair couple 2 | dois duas | zwei | dos | deux | два две двое | 两 二 | اثنان
three      | three 3 | três | drei | tres | trois | три трое | 三 | ثلاثة ثلاث
four       | four 4 | quatro | vier | cuatro | quatre | четыре | 四 | أربعة أربع
"""
OTHERS = """
autumn     | autumn october | outono | herbst* | otoño | automne | осен* | 秋 | خريف
aurora     | aurora | | polarlicht* | | boréale* | сиян* | 极光 | شفق
"""
LANDS_OF_SUBJECTS = {
    "boat": "sea", "whale": "sea", "lighthouse": "sea", "penguin": "sea", "fish": "underwater", "castle": "mountains",
    "dragon": "mountains", "astronaut": "space", "rocket": "space", "cup": "room", "cake": "room", "apple": "room",
}  # fmt: skip

_TABLES = {
    "subject": SUBJECTS,
    "land": LANDS,
    "hour": HOURS,
    "weather": WEATHERS,
    "colour": COLOURS,
    "number": NUMBERS,
    "other": OTHERS,
}
_ARTICLE = re.compile(r"^[وف]?(?:[بك]?ال|لل|[بلك](?=\w{3}))?")
_WIDE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True)
class Named:
    """What a word names: ``kind`` is one of the tables, ``what`` a line of it."""

    kind: str
    what: str


Column = dict[str, tuple[Named, ...]]


def named_in(text: str, language: str) -> list[tuple[Named, ...]]:
    """Return for each word of ``text`` what it names in ``language`` or in English; for most words nothing."""
    found: list[tuple[Named, ...]] = []
    for word in re.findall(r"[\w-]+", text.lower()):
        if _WIDE.search(word):
            found += _read_wide(word)
            continue
        parts = [word] if "-" not in word or _meant_by(word, language) else word.split("-")
        found += [_meant_by(part, language) for part in parts]
    return found


def count_known(text: str, language: str) -> int:
    """Count the words of ``text`` that stand in the column of ``language``."""
    return sum(bool(_in_column(word, language)) for word in re.findall(r"[\w-]+", text.lower()))


def _meant_by(word: str, language: str) -> tuple[Named, ...]:
    if language == "ar":
        return _in_column(word, "ar") or _in_column(_ARTICLE.sub("", word), "ar") or _in_column(word, "en")
    return _in_column(word, language) or _in_column(word, "en")


@functools.lru_cache(maxsize=4096)
def _in_column(word: str, language: str) -> tuple[Named, ...]:
    """Return what the word means, else the longest beginning of it that the column has."""
    whole, beginnings = _column(language)
    if word in whole:
        return whole[word]
    for end in range(len(word), 1, -1):
        if word[:end] in beginnings:
            return beginnings[word[:end]]
    return ()


def _read_wide(text: str) -> Iterator[tuple[Named, ...]]:
    """Read a text without spaces: at each place the longest word that stands there."""
    whole, _ = _column("zh")
    place = 0
    while place < len(text):
        long = next((size for size in (4, 3, 2) if text[place : place + size] in whole), 1)
        yield whole.get(text[place : place + long], ())
        place += long


@functools.cache
def _column(language: str) -> tuple[Column, Column]:
    """Return the words of a language, and the beginnings of words, each with what it means."""
    number = LANGUAGES.index(language) + 1 if language in LANGUAGES else 1
    whole: Column = {}
    beginnings: Column = {}
    for kind, table in _TABLES.items():
        for line in table.strip().splitlines():
            cells = line.split("|")
            for word in cells[number].split() if number < len(cells) else ():
                into, stem = (beginnings, word[:-1]) if word.endswith("*") else (whole, word)
                into[stem] = (*into.get(stem, ()), Named(kind, cells[0].strip()))
    return whole, beginnings
