//! A fax is its page behind a cover. So the golden files keep every page, and of faxes the cover alone, once in each language.

use serde_json::{Value, json};

/// The fax of a page. How urgent it is, its cover says in the words of the page; and a document has one heading of level 1.
pub(crate) fn fax(page: &Value, cover: &Value) -> Value {
    let (mut fax, mut cover) = (page.clone(), cover.clone());
    cover[1] = page["blocks"][1].clone();
    assert_eq!(cover[1]["kind"], "banner");
    fax["layout"] = json!("fax");
    fax["blocks"][0]["level"] = json!(2);
    let blocks = [&cover, &fax["blocks"]].map(|blocks| blocks.as_array().unwrap().as_slice()).concat();
    fax["blocks"] = Value::Array(blocks);
    fax
}
