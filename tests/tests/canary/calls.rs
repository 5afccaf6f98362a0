//! Who calls: a number, a phrase, a search, a withdrawal, every word of them a marker.

use egide_crypto::digest::sha256;
use egide_testkit::fresh_id;
use egide_tests::who;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::ledger::v1::{
    AssignNumberRequest, AssignNumberResponse, ChoosePhraseRequest, FindCasesRequest, RecogniseCallerRequest,
    WithdrawByCallerRequest,
};
use tonic::Code;

use super::{CALLERS, Run, bytes_of, read};

impl Run {
    /// A caller gets a number, chooses a phrase, is found, and takes everything back: nothing of what they say stands
    /// anywhere, nor anything that it could be guessed from without the ledger's key.
    pub(super) async fn calls(&self) {
        let (responder, reason) = (who::responder(), AccessReason::WorkingTheCase.into());
        let assign = AssignNumberRequest {
            command_id: fresh_id(),
            case_id: self.case.clone(),
            subject_id: self.victim.clone(),
            reason,
        };
        let number: AssignNumberResponse = read(&self.ask(CALLERS, "AssignNumber", &responder, &assign).await);
        let digits: String = number.number.chars().filter(char::is_ascii_digit).collect();
        let phrase = self.stray("a phrase");
        {
            let mut markers = self.markers.lock().unwrap();
            markers.stray_bytes("digest of the phrase", sha256(phrase.as_bytes()).as_bytes().to_vec());
            markers.stray_bytes("digest of the phrase, as text", sha256(phrase.as_bytes()).to_string().into_bytes());
            markers.stray_bytes("number of the case", digits.into_bytes());
        }
        let choose = ChoosePhraseRequest {
            command_id: fresh_id(),
            case_id: self.case.clone(),
            subject_id: self.victim.clone(),
            phrase: phrase.clone(),
            current_phrase: String::new(),
        };
        let chosen = self.ask(CALLERS, "ChoosePhrase", &responder, &choose).await;
        assert_eq!(chosen.code, Code::Ok, "{}", chosen.message);
        let other = ChoosePhraseRequest { phrase: self.stray("another phrase"), ..choose };
        self.refuse(Code::AlreadyExists, CALLERS, "ChoosePhrase", &responder, bytes_of(&other)).await;
        let recognise = RecogniseCallerRequest { number: number.number.clone(), phrase: phrase.clone(), reason };
        let found = self.ask(CALLERS, "RecogniseCaller", &responder, &recognise).await;
        assert_eq!(found.code, Code::Ok, "{}", found.message);
        let wrong = RecogniseCallerRequest { phrase: self.stray("a wrong phrase"), ..recognise.clone() };
        self.refuse(Code::NotFound, CALLERS, "RecogniseCaller", &responder, bytes_of(&wrong)).await;
        let bad = RecogniseCallerRequest { number: self.stray("no number"), ..recognise };
        self.refuse(Code::InvalidArgument, CALLERS, "RecogniseCaller", &responder, bytes_of(&bad)).await;
        let find = FindCasesRequest { name: self.stray("somebody's name"), reason, ..FindCasesRequest::default() };
        let found = self.ask(CALLERS, "FindCases", &responder, &find).await;
        assert_eq!((found.code, found.bytes.is_empty()), (Code::Ok, false));
        let bad = FindCasesRequest { phone: self.stray("no telephone number"), ..find };
        self.refuse(Code::InvalidArgument, CALLERS, "FindCases", &responder, bytes_of(&bad)).await;
        let withdraw = WithdrawByCallerRequest { command_id: fresh_id(), reason, ..WithdrawByCallerRequest::default() };
        let by_number = WithdrawByCallerRequest { number: number.number, phrase, ..withdraw.clone() };
        let by_name = WithdrawByCallerRequest { name: self.stray("nobody's name"), ..withdraw };
        for request in [by_number, by_name] {
            let taken = self.ask(CALLERS, "WithdrawByCaller", &responder, &request).await;
            assert_eq!(taken.code, Code::Ok, "{}", taken.message);
        }
    }
}
