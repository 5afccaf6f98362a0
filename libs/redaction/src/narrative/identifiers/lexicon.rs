//! What the recognisers know of single words, English and French in one table: notes mix both. A word may have several
//! senses (`sept` is a number and a month); a word with any sense is no plate and no account name.

use crate::narrative::lexicon::lexicon;

/// Digits, which need no look-up.
pub(super) const DIGITS: u64 = 1;
/// Ordinary words that are no part of a name.
pub(super) const STOP: u64 = 1 << 1;
/// Ordinary short words that may stand before a number.
pub(super) const COMMON: u64 = 1 << 2;
/// Numbers.
pub(super) const NUMBER: u64 = 1 << 3;
/// What may stand between two dictated digits.
pub(super) const BETWEEN_DIGITS: u64 = 1 << 4;
/// What says that dictated digits follow each other, also when they are written as digits.
pub(super) const DASH: u64 = 1 << 5;
/// Ordinal numbers and their endings.
pub(super) const ORDINAL: u64 = 1 << 6;
/// Months.
pub(super) const MONTH: u64 = 1 << 7;
/// Words of birth.
pub(super) const BIRTH: u64 = 1 << 8;
/// What is counted: what follows a number that is neither an age nor a room.
pub(super) const UNIT: u64 = 1 << 9;
/// Years of age.
pub(super) const YEARS: u64 = 1 << 10;
/// Months, weeks and days of age.
pub(super) const SHORT_AGE: u64 = 1 << 11;
/// What leads to an age.
pub(super) const AGED: u64 = 1 << 12;
/// Somebody, by what they are.
pub(super) const SOMEBODY: u64 = 1 << 13;
/// Who is spoken of.
pub(super) const SUBJECT: u64 = 1 << 14;
/// Words before a number that make it less exact.
pub(super) const ABOUT: u64 = 1 << 15;
/// What may go on after an age without a unit.
pub(super) const AFTER_AGE: u64 = 1 << 16;
/// Words of lasting: `depuis 5 ans` is no age.
pub(super) const LASTING: u64 = 1 << 17;
/// Kinds of streets after a name.
pub(super) const STREET: u64 = 1 << 18;
/// Kinds of streets after a name that are ordinary words, too.
pub(super) const WEAK_STREET: u64 = 1 << 19;
/// Kinds of streets before a name.
pub(super) const RUE: u64 = 1 << 20;
/// Kinds of streets before a name that are ordinary words, too.
pub(super) const WEAK_RUE: u64 = 1 << 21;
/// Points of the compass.
pub(super) const DIRECTION: u64 = 1 << 22;
/// Where somebody is: before a street without a number.
pub(super) const WHERE: u64 = 1 << 23;
/// Between a kind of street and its name.
pub(super) const PARTICLE: u64 = 1 << 24;
/// Roads with numbers.
pub(super) const ROAD: u64 = 1 << 25;
/// Boxes, lots, rural routes: a number follows.
pub(super) const RURAL: u64 = 1 << 26;
/// Rooms and what else a number in a building has.
pub(super) const ROOM: u64 = 1 << 27;
/// Where people take rooms.
pub(super) const LODGING: u64 = 1 << 28;
/// "Number" before a number.
pub(super) const NUMBER_SIGN: u64 = 1 << 29;
/// Money after an amount.
pub(super) const MONEY: u64 = 1 << 30;
/// Platforms on which people have accounts.
pub(super) const PLATFORM: u64 = 1 << 31;
/// What says that an account name follows.
pub(super) const ACCOUNT_NAME: u64 = 1 << 32;
/// What may stand between a platform and an account name.
pub(super) const LINKING: u64 = 1 << 33;
/// The at sign, in words.
pub(super) const AT: u64 = 1 << 34;
/// A dot, in words.
pub(super) const DOT: u64 = 1 << 35;
/// Ends of domain names that are no words.
pub(super) const TOP_LEVEL: u64 = 1 << 36;
/// Providers of mail.
pub(super) const MAIL: u64 = 1 << 37;
/// Extensions of telephone numbers.
pub(super) const EXTENSION: u64 = 1 << 38;
/// Words that say what number it is: social insurance.
pub(super) const OF_SIN: u64 = 1 << 39;
/// … health insurance.
pub(super) const OF_HEALTH: u64 = 1 << 40;
/// … driving.
pub(super) const OF_DRIVING: u64 = 1 << 41;
/// … passports.
pub(super) const OF_PASSPORT: u64 = 1 << 42;
/// … immigration.
pub(super) const OF_IMMIGRATION: u64 = 1 << 43;
/// … status.
pub(super) const OF_STATUS: u64 = 1 << 44;
/// … police.
pub(super) const OF_POLICE: u64 = 1 << 45;
/// … bank accounts.
pub(super) const OF_BANK: u64 = 1 << 46;
/// … cards.
pub(super) const OF_CARD: u64 = 1 << 47;
/// … telephones.
pub(super) const OF_PHONE: u64 = 1 << 48;
/// … plates.
pub(super) const OF_PLATE: u64 = 1 << 49;
/// Vehicles, their makes.
pub(super) const VEHICLE: u64 = 1 << 50;
/// After these a number is a police number, if anything says that it is a number.
pub(super) const POLICE_FILE: u64 = 1 << 51;
/// After these a number is somebody's number, if anything says that it is one.
pub(super) const LABEL: u64 = 1 << 52;
/// Corners of streets.
pub(super) const CORNER: u64 = 1 << 53;
/// Clock times.
pub(super) const CLOCK: u64 = 1 << 54;
/// Old.
pub(super) const OLD: u64 = 1 << 55;
/// Forms of being and of having that stand before an age.
pub(super) const IS: u64 = 1 << 56;
/// Saints and mountains, which begin names.
pub(super) const SAINT: u64 = 1 << 57;
/// Mail, as a word.
pub(super) const OF_MAIL: u64 = 1 << 58;
/// What lasts: `un bail de deux ans`.
pub(super) const SPAN: u64 = 1 << 59;

/// What any recogniser starts from; words without any of these are looked at from words with one only.
pub(super) const STARTING: u64 = DIGITS
    | NUMBER
    | MONTH
    | BIRTH
    | STREET
    | WEAK_STREET
    | RUE
    | WEAK_RUE
    | RURAL
    | ROAD
    | CORNER
    | ROOM
    | PLATFORM
    | ACCOUNT_NAME
    | POLICE_FILE
    | LABEL
    | OF_PLATE
    | TOP_LEVEL
    | AT;

/// What a recogniser starts from for its letters, whatever senses it has.
pub(in crate::narrative) const LOOKED_AT: &str = "d b p r s a commercial route teens twenties thirties forties fifties sixties \
    seventies eighties vingtaine trentaine quarantaine cinquantaine soixantaine";

/// Of each sense, the words that have it.
pub(in crate::narrative) const TABLE: &[(u64, &str)] = &[
    (
        STOP,
        "a an the this that these those my your his her its our their some any each every all both no not and or but nor so if then than \
         as at by for from in into of off on onto out over per to toward towards under up upon via with within without near about above \
         across after against along among around before behind below beneath beside between beyond down during except inside outside \
         past since through throughout till until i me you he him she it we us they them who whom whose which what when where why how \
         is am are was were be been being do does did done has have had having will would can could shall should may might must \
         s t m re ve ll d l n c j qu y one other another same next last side busy dark quiet whole own such only just even \
         also too very more most many much few several lot less least here there now again always never often sometimes still yet \
         because while though although however got get gets go goes going gone went come comes came take takes took taken see saw \
         seen say says said tell tells told ask asked give gave given make made know knew known want wanted need needed call called \
         work works worked working live lives lived living stay stays stayed staying leave left meet met found find keep kept \
         le la les un une des du de au aux ce cet cette ces mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs et ou ni mais \
         donc car que qui quoi dont quand comme si ne pas plus moins tres trop peu bien mal deja encore toujours jamais souvent \
         ici ailleurs partout avant apres depuis pendant durant jusque jusqu vers chez dans par pour sans sous sur entre contre selon \
         en je tu il elle on nous vous ils elles moi toi lui eux se te est sont etait etaient etre ete suis es sera serait ont ai as avait avaient avoir \
         eu aura aurait fait faire faisait dit dire disait va vont aller allait vient venir peut veut doit sait quelque quelques \
         plusieurs chaque tout toute tous toutes autre autres meme memes aucun aucune tel telle quel quelle celui celle ceux \
         aussi ainsi alors puis ensuite enfin parce lorsque afin voici voila cela ca ceci rien personne avec froide sombre proche voisine \
         pres loin arriere bondee tranquille passante commercante pietonne sortie maintenant",
    ),
    (
        COMMON,
        "please pls plz thanks thank svp merci stp anymore anyways okay only often daily ago paid pay pays owe owes owed sent send got cost costs made earn gave took took lent lend cash bill bills fee fees debt rent \
         rate loan loans sold sell buy bus bill exit flight gate line page part step level grade class route hwy unit tax tip top max min total sum \
         net best rest area ward zone bed beds men man girl boy boys kid kids guy guys year mile day days week hour hours \
         time times date dates born aged age from call cell tel text fax code pin case file form note log logs bag box lot lots row van car cars \
         cab suv truck seat fine tour tours shop club bar bars pub gym spa spas inn room rms apt apts ste flr bldg bloc \
         like used plus nearly almost maybe under over least about most only just even says said asks asked over till until off cut \
         been ran run won lost hit let lets put set use try job jobs pop num size wt ht lbs kg mph kmh temp gps atm dna hiv std pcp lsd \
         cctv cbsa ircc rcmp grc opp sq spvm cps vpd tps csis scrs crown bc qc on ab sk mb nb ns nl pe nt yt nu uk usa usd cad eur can \
         sun mon tue tues wed thu thur thurs fri sat lun mar mer jeu ven sam dim soir matin midi nuit jour jours mois ans heure \
         paye payer doit devait recu prix cout loyer dette vol vols ligne bus autobus metro train gare quai porte page etape niveau \
         classe salle lits lit fois prix gens gars fille dame homme chez ville pays pres code tel cel cell poste dossier cas acte note \
         chacun total solde taxe moins plus vers avec pour sans donc lui eux deja soit sont dont bon bons vue vie lieu faim peur \
         eux nom noms bras main tete yeux age ages comme fait dire dit pris mis voir vu vus lu rue rues bar bars cas dos fin jeu \
         asked offer offered needs need wants want has had have him her his she who they them back bank safe help info asap \
         ok yes not non oui km cm mm ml mg kb mb gb ghz art arts sec secs mins hrs hr wk wks mo mos yr yrs \
         act bill iso nist html http https www com org covid sars mid early late end jan feb apr jun jul aug sept oct nov dec \
         per about circa env approx depuis entre enfin apres avant noon midnight new old big two one six ten \
         team crew gang gangs pimp pimps john johns staff clinic shelter centre center hotel motel airbnb airport mall store stop \
         dose doses pill pills gram grams oz perc percs meth coke crack fent weed joint drink drinks beer vodka bag bags \
         mile miles met away feet foot inch high tall long wide deep each more less than then when what where wait hold held \
         lui ils elle elles leur sur sous par des les une ces ses mes tes nos vos ont est etc ecole hopital police juge cour \
         owing makes making pays billed spent spend earned earns charged costs saved borrowed stole worth until payed gives \
         doivent devaient verse versait gagne gagnait depense coute coutait vole prete rapporte exige demande reclame envoye \
         alt aka dob age step steps phase round item items chap vers num tier rank channel ch gate shift track court",
    ),
    (
        NUMBER,
        "zero oh nil nought one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen \
         eighteen nineteen twenty thirty forty fourty fifty sixty seventy eighty ninety ninty hundred thousand double triple \
         un une deux trois quatre cinq sept huit neuf dix onze douze treize quatorze quinze seize vingt vingts trente quarante cinquante \
         soixante septante huitante octante nonante cent cents mille fiv fuor foru sevn seven eigth eight nien thre tree twleve \
         quatres cinque quarente cinqante soisante hui siz",
    ),
    (
        BETWEEN_DIGITS,
        "and et o um uh euh er ok okay then puis pis dash tiret hyphen dot point space espace again encore moins plus trait",
    ),
    (DASH, "dash tiret hyphen dot point space espace"),
    (
        ORDINAL,
        "st nd rd th er re ere eme ieme e first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth \
         fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth premier premiere deuxieme troisieme",
    ),
    (
        MONTH,
        "january february march april may june july august september october november december jan feb mar apr jun jul aug sep sept oct \
         nov dec janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre janv fev fevr avr juil juill \
         febuary septemeber",
    ),
    (
        BIRTH,
        "born birth births birthdate birthday birthdays bday dob bdate naissance naissances ne nee nes nees ddn anniversaire anniversaires naquit natal birthyear bron",
    ),
    (
        UNIT,
        "minute minutes min mins second seconds sec secs hour hours hr hrs heure heures h am pm day days jour jours night nights nuit nuits \
         week weeks semaine semaines month months mois km kms kilometre kilometres kilometer kilometers mile miles metre metres meter \
         meters m cm ft feet foot pied pieds inch inches pouce pouces lb lbs pound pounds livre livres kg kilo kilos g gram grams \
         gramme grammes percent pourcent pct dollar dollars buck bucks piasse piasses piastre piastres cad usd euro euros k \
         time times fois people persons personne personnes girl girls fille filles woman women femme femmes man men homme hommes boy boys \
         garcon garcons guy guys gars kid kids child children enfant enfants client clients customer customers others autres \
         lit lits bed beds call calls appel appels block blocks rue rues room rooms chambre chambres door doors house houses maison \
         car cars van vans phone phones bag bags step steps weeks sister sisters brother brothers soeur soeurs frere freres st nd rd th \
         eme ieme er ere stop stops arret arrets mg ml o of pounds degree degrees degres drinks pills cigarettes",
    ),
    (YEARS, "year years yr yrs yers yeras yaers yera yearr ans an anns annees"),
    (SHORT_AGE, "month months week weeks day days mois semaine semaines jour jours mos wks"),
    (AGED, "aged age ages agee agees turned turning turns turn aging"),
    (
        SOMEBODY,
        "girls boys women men kids children daughters sons sisters brothers teens teenagers minors victims students filles garcons femmes hommes enfants soeurs freres mineures mineurs jeunes ados adolescentes amies girl boy woman man female male daughter son sister brother niece nephew cousin mother father mom dad child kid baby infant toddler \
         teen teenager youth minor victim survivor friend girlfriend boyfriend wife husband aunt uncle lady guy student client caller suspect \
         fille garcon femme homme soeur frere fils mere pere enfant bebe nourrisson poupon bambin ado adolescente adolescent mineur \
         mineure jeune victime survivante amie ami copine copain conjoint conjointe epouse mari tante oncle dame gars petite petit \
         cliente etudiante etudiant jumelles jumeaux gamine gamin",
    ),
    (
        SUBJECT,
        "both eldest oldest youngest ainee aine cadette cadet benjamine petite petit deux filles girls jai javais jsuis she he i elle il who qui they shes hes im girl woman daughter sister friend victim fille soeur amie victime son brother boy je j cousin niece copine kid",
    ),
    (
        IS,
        "ont avaient has turned turns jai javais jsuis looks looked look seems seemed appears like re were is was s m am were are shes hes im a avait aura ai be being became est",
    ),
    (
        ABOUT,
        "might could may not young as even vient d avoir now only just about around maybe like almost barely approx approximately probably ll will already still actually nearly roughly currently environ seulement juste presque peut etre peine deja encore en of de is was than s m a au me to be est the",
    ),
    (
        AFTER_AGE,
        "genre like lol ish mtn today anyway environ passe pile years yrs ans too aussi and but or so from she he her his now when with who going at in already only still not because they i it we that this then \
         et mais ou elle il sa son qui avec quand maintenant seulement pas dans depuis parce on je au est was is just tops max",
    ),
    (LASTING, "depuis pendant durant dans apres avant pour chaque tous toutes fait faisait duree for since en"),
    (
        SPAN,
        "periode peine relation bail contrat duree sentence ecart difference visa permis programme mariage prison experience emploi liste travail service vie total minimum maximum",
    ),
    (
        STREET,
        "street str st avenue ave av road rd boulevard blvd boul bvd bd crescent cres cresent lane ln drive dr highway hwy parkway pkwy terrace \
         terr concession sideroad streets avenues roads stret steet strett avanue raod",
    ),
    (
        WEAK_STREET,
        "court crt ct place pl way park hill row walk crossing view gate bay close run trail tr circle cir heights hts gardens garden gdns grove \
         landing square sq mews line mall common point pt green path lanes alley loop ridge plaza quay wharf villas vista rise wood woods",
    ),
    (RUE, "rue boulevard boul bd blvd chemin chem ruelle impasse allee montee rang croissant avenue av ave rues"),
    (
        WEAK_RUE,
        "ch place pl cote route rte square terrasse quai cours promenade sentier passage carre cour parc domaine faubourg esplanade autoroute ile",
    ),
    (
        DIRECTION,
        "n s e w o ne nw se sw no so north south east west northeast northwest southeast southwest nord sud est ouest",
    ),
    (WHERE, "on at near off from along to down onto by in sur near around"),
    (PARTICLE, "de du des d l la le les of the a au aux"),
    (ROAD, "highway hwy route rte road rd line sideroad concession autoroute county regional chemin rang"),
    (RURAL, "rr box cp bp concession rang lot postale postal"),
    (
        ROOM,
        "kitchenette villa loft bunkhouse bloc bed lit bunk room rooms ste chbre chbr rm rms roon chambre chambres chamb chmbre apartment apartments apartement appartment appartement appartements appart apt apts \
         appt app ap suite unit units unite unites buzzer buzz sonnette interphone door porte bureau office local logement logis studio condo flat flats suites villas studios lofts \
         building bldg batiment bat locker casier cabin cabine chalet trailer roulotte dorm dortoir ch",
    ),
    (LODGING, "hotel motel inn auberge airbnb hostel gite hotels motels lodge lobby reception"),
    (NUMBER_SIGN, "no number numero num nr nos numbers numeros nbr"),
    (
        MONEY,
        "franc francs peso pesos yuan cfa gbp rupee rupees dirham dirhams naira lei million millions dollar dollars buck bucks cad usd euro euros piasses piasse piastres cash k grand",
    ),
    (
        PLATFORM,
        "insta instagram ig snap snapchat sc tiktok tik tok telegram tg whatsapp wechat kik facebook fb messenger twitter discord onlyfans \
         linkedin signal viber tinder badoo grindr seeking skype youtube reddit pinterest twitch threads bumble hinge myspace imo tumblr \
         cashapp venmo paypal roblox minecraft fortnite steam xbox psn leolist bluesky mastodon meetme tagged vk weibo qq tumblr",
    ),
    (
        ACCOUNT_NAME,
        "username usernames user handle pseudo pseudonyme screenname identifiant login gamertag nickname tag surnom utilisateur userid",
    ),
    (
        LINKING,
        "account compte profile profil page id name nom is est was called named under sous as comme appele au nomme username user handle pseudo the le la her his son sa my mon ma add at screen d utilisateur s named of",
    ),
    (AT, "at arobase arobas arrobas aroba chez"),
    (DOT, "dot point"),
    (
        TOP_LEVEL,
        "com ca org net info biz gov edu fr uk xxx gc io quebec cc tv ly gg xyz online site app club ru cn ws onion",
    ),
    (
        MAIL,
        "gmail hotmail yahoo outlook live icloud videotron sympatico protonmail proton gmx aol msn ymail bell rogers telus shaw me mail yandex cogeco gmial gmal hotmial",
    ),
    (OF_MAIL, "email mail courriel courriels emails mel adresse address gmail hotmail"),
    (EXTENSION, "x ext extn extension poste"),
    (OF_SIN, "sin nas social sociale insurance assurance"),
    (
        OF_HEALTH,
        "health sante ohip ramq nam maladie soleil phn msp services ahcip hsn phin medicare yhcip mcp msi hcn care",
    ),
    (OF_DRIVING, "driver drivers driving licence license licences licenses permis conduire saaq dl licens"),
    (OF_PASSPORT, "passport passports passeport passeports pasport"),
    (OF_IMMIGRATION, "uci iuc ircc immigration immigrant visa refugee refugie refugiee client study work permit cic"),
    (OF_STATUS, "status treaty statut scis certificate indian band bande"),
    (OF_POLICE, "fps sed fingerprint fingerprints empreintes police"),
    (OF_BANK, "transit compte account bank banque institution deposit depot chequing savings succursale branch caisse"),
    (OF_CARD, "card carte visa mastercard amex debit credit interac cards cartes"),
    (
        OF_PHONE,
        "tel call cell phone telephone texted text called fax mobile cellulaire numero number appeler appelle rejoindre texto textos line dial whatsapp cel pager sms calls phoned num portable",
    ),
    (OF_PLATE, "plate plates plaque plaques immatriculation immatricule immatriculee immatriculees plaqued tag lic"),
    (
        VEHICLE,
        "van car camion vehicle vehicule suv truck pickup sedan minivan fourgonnette camionnette voiture auto civic corolla honda toyota ford \
         chevrolet chevy dodge caravan nissan mazda hyundai kia bmw mercedes audi jeep tesla volkswagen jetta subaru gmc ram acura lexus \
         infiniti pontiac buick cadillac chrysler mitsubishi volvo taxi uber motorcycle moto scooter camry accord elantra sentra rav",
    ),
    (
        POLICE_FILE,
        "badge matricule file dossier incident occurrence case report rapport evenement warrant mandat insigne docket cause affidavit ticket constat complaint plainte",
    ),
    (
        LABEL,
        "account compte booking confirmation reservation client student member membre employee employe policy tracking order commande ref \
         reference id pin code password passcode transaction transit institution serial imei imsi iccid vin patient chart mrn permit \
         permis licence license passport passeport certificate certificat invoice facture envoi colis loyalty points carte card wallet",
    ),
    (CORNER, "corner coin intersection angle croisement crossroads corners"),
    (CLOCK, "h am pm heures heure hrs hours o noon midnight a p"),
    (OLD, "old olds odl oldd age of ould"),
    (SAINT, "saint sainte st ste mont notre grand grande petit petite vieux vieille mgr dr rene"),
];

/// What the table knows of a word; nothing of most.
pub(super) fn senses_of(word: &[u8]) -> u64 {
    lexicon().senses(word)
}

/// Whether the table knows a word at all: then it is an ordinary one.
pub(super) fn is_ordinary(word: &[u8]) -> bool {
    senses_of(word) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_table_is_one_run_of_letters_and_found() {
        for (senses, words) in TABLE {
            for word in words.split_ascii_whitespace() {
                assert!(word.bytes().all(|byte| byte.is_ascii_lowercase()), "{word}");
                assert_ne!(senses_of(word.as_bytes()) & senses, 0, "{word}");
            }
        }
    }

    #[test]
    fn a_word_may_have_several_senses() {
        assert_eq!(senses_of(b"sept") & (NUMBER | MONTH), NUMBER | MONTH);
        assert_eq!(senses_of(b"xqz"), 0);
    }
}
