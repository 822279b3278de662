use super::*;
use crate::value::Value;

fn settings(json: &str) -> Result<Settings> {
    Settings::from_value(&serde_json::from_str::<Value>(json).unwrap())
}

fn refusal(json: &str) -> String {
    let error = settings(json).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    error.to_string()
}

#[test]
fn settings_are_read_in_both_spellings() {
    let plain = settings(r#""a:1, b:2""#).unwrap();
    assert_eq!(
        (plain.brokers, &*plain.topic, plain.tls, plain.sasl),
        (vec!["a:1".into(), "b:2".into()], "feature-flag-updates", None, None)
    );
    let full =
        r#"{"brokers":["a:1"],"topic":"t","security":"tls","caFile":"/ca.pem","sasl":"SCRAM-SHA-512","username":"u","password":"p"}"#;
    let full = settings(full).unwrap();
    assert_eq!((&*full.topic, full.tls.unwrap().ca_file), ("t", Some("/ca.pem".into())));
    assert_eq!(full.sasl.unwrap().mechanism, Mechanism::ScramSha512);
    assert!(settings(r#"{"brokers":"a:1","ca_file":"/ca.pem"}"#).unwrap().tls.is_some(), "a certificate is named, so TLS is meant");
}

#[test]
fn wrong_settings_are_named_and_secrets_are_not_shown() {
    for (json, said) in [
        (r#""""#, "kafka brokers are not set"),
        (r#""kafka""#, "\"kafka\" is no address"),
        (r#""http://kafka:9092/""#, "is no address"),
        (r#""kafka:0""#, "\"kafka:0\" is no address"),
        ("7", "the brokers as text, or a map"),
        (r#"{"broker":"a:1"}"#, "there is no kafka setting \"broker\""),
        (r#"{"brokers":[1]}"#, "have to be texts"),
        (r#"{"brokers":"a:1","topic":"a b"}"#, "kafka topic \"a b\" is no name"),
        (r#"{"brokers":"a:1","security":"ssl"}"#, "\"ssl\": it is plaintext or tls"),
        (r#"{"brokers":"a:1","security":"plaintext","ca_file":"x"}"#, "say tls"),
        (r#"{"brokers":"a:1","cert_file":"x"}"#, "go together"),
        (r#"{"brokers":"a:1","sasl":"gssapi"}"#, "\"gssapi\": it is plain"),
        (r#"{"brokers":"a:1","sasl":"plain","username":"u"}"#, "wants username and password"),
        (r#"{"brokers":"a:1","password":"hunter2"}"#, "does not say how"),
        (r#"{"brokers":"a:1","sasl":"oauthbearer"}"#, "either token or token_file"),
    ] {
        let refused = refusal(json);
        assert!(refused.contains(said) && !refused.contains("hunter2"), "{json}: {refused}");
    }
    let sasl = settings(r#"{"brokers":"a:1","sasl":"plain","username":"ann","password":"hunter2"}"#).unwrap();
    assert!(!format!("{sasl:?}").contains("hunter2") && !format!("{sasl:?}").contains("ann"));
}

#[test]
fn certificates_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, "nothing").unwrap();
    let with = |ca_file| tls_config(&Tls { ca_file: Some(ca_file), ..Tls::default() }).unwrap_err().to_string();
    assert!(with(file).contains("ca.pem cannot be used: there is no certificate in it"));
    assert!(with(folder.path().join("none")).contains("none cannot be used"));
    assert!(tls_config(&Tls::default()).is_ok());
}

#[tokio::test]
async fn nobody_there_is_said_in_time() {
    let begun = tokio::time::Instant::now();
    let error = connect(&Settings::new("127.0.0.1:1").unwrap()).await.unwrap_err();
    assert!(error.is_temporary() && error.message().contains("127.0.0.1:1"), "{error}");
    assert!(begun.elapsed() <= PATIENCE * 2);
}
