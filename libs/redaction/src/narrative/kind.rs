//! What a replaced piece of a narrative is, and what stands in its place.

use super::Language;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $code:literal, $english:literal, $french:literal;)+) => {
        /// What a replaced piece of a narrative is. Where finds overlap, the label that stands further up is chosen.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])* $kind,)+
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// Its stable name.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$kind => $code),+ }
            }

            /// The word between the brackets.
            #[must_use]
            pub const fn word(self, language: Language) -> &'static str {
                match (self, language) { $((Self::$kind, Language::English) => $english, (Self::$kind, Language::French) => $french),+ }
            }
        }
    };
}

kinds! {
    /// A person of the case, by a name that is known.
    Person = "person", "Person", "Personne";
    /// An e-mail address.
    Email = "email", "e-mail", "courriel";
    /// An address on the web.
    Url = "url", "web address", "adresse web";
    /// A name on a platform.
    Handle = "handle", "account name", "nom de compte";
    /// A network address.
    IpAddress = "ip_address", "network address", "adresse réseau";
    /// A universally unique identifier.
    Uuid = "uuid", "identifier", "identifiant";
    /// An international bank account number.
    Iban = "iban", "bank account", "compte bancaire";
    /// A payment card.
    Card = "card", "card number", "numéro de carte";
    /// A bank account: transit, institution, account.
    BankAccount = "bank_account", "bank account", "compte bancaire";
    /// A social insurance number.
    SocialInsurance = "social_insurance", "social insurance number", "numéro d’assurance sociale";
    /// A health insurance number, of any province.
    HealthCard = "health_card", "health card", "carte d’assurance maladie";
    /// A driver's licence.
    DriversLicence = "drivers_licence", "driver’s licence", "permis de conduire";
    /// A passport.
    Passport = "passport", "passport", "passeport";
    /// A number of immigration: client, application, permit.
    Immigration = "immigration", "immigration number", "numéro d’immigration";
    /// A status card.
    StatusCard = "status_card", "status card", "carte de statut";
    /// A number of a police file or of fingerprints.
    PoliceNumber = "police_number", "police number", "numéro de police";
    /// A telephone number, in digits or in words.
    Phone = "phone", "phone number", "numéro de téléphone";
    /// A date of birth.
    BirthDate = "birth_date", "date of birth", "date de naissance";
    /// A plate or an identification number of a vehicle.
    Plate = "plate", "plate", "plaque";
    /// A civic address.
    Address = "address", "address", "adresse";
    /// A postal code.
    PostalCode = "postal_code", "postal code", "code postal";
    /// A room, apartment or unit.
    Room = "room", "room", "chambre";
    /// An age.
    Age = "age", "age", "âge";
    /// Another number long enough to lead to somebody.
    Number = "number", "number", "numéro";
    /// A name nobody listed.
    Name = "name", "name", "nom";
    /// What a reviewer masked.
    Removed = "removed", "removed", "retiré";
}
