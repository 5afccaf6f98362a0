//! The proof that a commit is durable: made from what stands in the log, so that it is the same however often it is asked for.

use egide_crypto::sign::SigningKey;
use egide_domain::time::Timestamp;
use egide_wire::context;
use egide_wire::convert::to_timestamp;
use egide_wire::proto::egide::ledger::v1::Acknowledgement;
use prost::Message as _;

use crate::model::CommandRow;

/// Signs the result of a command. Ed25519 signs alike: the same key and result give the same bytes.
pub(crate) fn acknowledge(command_id: &str, row: CommandRow, incarnation: &str, key: &SigningKey) -> Acknowledgement {
    let mut acknowledgement = Acknowledgement {
        incarnation: incarnation.to_owned(),
        block_number: row.block_number,
        command_id: command_id.to_owned(),
        events: row.events,
        recorded_at: Some(to_timestamp(Timestamp(row.recorded_at_ms))),
        key_id: key.key_id().to_string(),
        signature: Vec::new(),
    };
    let signature = key.sign(context::ACKNOWLEDGEMENT, &acknowledgement.encode_to_vec());
    acknowledgement.signature = signature.as_bytes().to_vec();
    acknowledgement
}

#[cfg(test)]
mod tests {
    use super::*;
    use egide_crypto::sign::Signature;

    #[test]
    fn anyone_with_the_public_key_can_check_it_and_a_change_shows() {
        let (key, _) = SigningKey::generate().unwrap();
        let row = CommandRow { block_number: 7, recorded_at_ms: 1_795_305_600_123, ..CommandRow::default() };
        let mut signed = acknowledge("c", row.clone(), "i", &key);
        assert_eq!(signed, acknowledge("c", row, "i", &key));
        let signature = Signature::try_from(std::mem::take(&mut signed.signature).as_slice()).unwrap();
        assert!(key.public_key().verify(context::ACKNOWLEDGEMENT, &signed.encode_to_vec(), &signature).is_ok());
        signed.block_number = 8;
        assert!(key.public_key().verify(context::ACKNOWLEDGEMENT, &signed.encode_to_vec(), &signature).is_err());
    }
}
