//! What a database's address says: where it is, how far to trust it, and which schema is ours.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::{Result, StoreError};

/// The schema that the tables are in if the address names none.
pub const SCHEMA: &str = "jackstaff";

/// How to reach a database.
pub struct Options {
    /// Where it is and who we are.
    pub config: Config,
    /// The schema that the tables are in.
    pub schema: String,
    /// How its certificate is looked at.
    pub tls: MakeRustlsConnect,
}

fn wrong(message: impl fmt::Display) -> StoreError {
    StoreError::Failed(format!("DATABASE_URL: {message}"))
}

impl Options {
    /// Reads `postgresql://user:password@host:port/database?sslmode=…&sslrootcert=…&schema=…`.
    ///
    /// `sslmode` is libpq's: `disable`, `prefer` (the default), `require` (encrypted, whoever it is), `verify-ca` and `verify-full`
    /// (by `sslrootcert`, or by what the system trusts). `schema` is ours, default `jackstaff`. The rest is tokio-postgres's.
    ///
    /// # Errors
    /// It is no such address. The message never repeats it: it may hold a password.
    pub fn parse(url: &str) -> Result<Self> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(wrong("it has to begin with postgresql://, as in postgresql://user:password@host:5432/database"));
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut root, mut schema, mut rest) = ("prefer".to_owned(), None, SCHEMA.to_owned(), Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = value.to_owned(),
                Some(("sslrootcert", value)) => root = Some(decoded(value)),
                Some(("schema", value)) => schema = value.to_owned(),
                _ => rest.push(pair),
            }
        }
        let is_schema = schema.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
            && schema.len() <= 48
            && schema.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !is_schema {
            return Err(wrong(format!("schema \"{schema}\" has to be 1 to 48 of a-z, 0-9 and _, and must not begin with a digit")));
        }
        let plain = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        let mut config: Config = plain.parse().map_err(wrong)?;
        let (tls_mode, trust) = match &*mode {
            "disable" => (SslMode::Disable, Trust::Anybody),
            "allow" | "prefer" => (SslMode::Prefer, Trust::Anybody),
            "require" if root.is_none() => (SslMode::Require, Trust::Anybody),
            // As libpq has it: who names a root wants it to be looked at.
            "require" | "verify-ca" => (SslMode::Require, Trust::Signed),
            "verify-full" => (SslMode::Require, Trust::Named),
            other => {
                return Err(wrong(format!("sslmode \"{other}\" is none: take disable, prefer, require, verify-ca or verify-full")));
            }
        };
        config.ssl_mode(tls_mode);
        if config.get_application_name().is_none() {
            config.application_name("jackstaff");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(3));
        }
        // A server that is gone without a word is noticed within half a minute.
        config.keepalives_idle(Duration::from_secs(10)).keepalives_interval(Duration::from_secs(5)).keepalives_retries(3);
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(15));
        }
        Ok(Self { config, schema, tls: MakeRustlsConnect::new(client_config(trust, root.as_deref())?) })
    }
}

fn decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        match byte {
            b'%' => match (digit(), digit()) {
                (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
                _ => return value.to_owned(), // not encoded at all
            },
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whom to take for the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// Whoever answers: what is sent cannot be read on the way, and that is all.
    Anybody,
    /// Whoever has a certificate that was signed by somebody we trust.
    Signed,
    /// The same, and it has to be for this host.
    Named,
}

fn client_config(trust: Trust, root: Option<&str>) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = || ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().map_err(wrong);
    if trust == Trust::Anybody {
        let verifier = Lenient { provider: provider.clone(), signed: None };
        return Ok(builder()?.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth());
    }
    let Some(root) = root else {
        // The system's trust has no mode without the name.
        return Ok(builder()?.with_platform_verifier().map_err(wrong)?.with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    let unreadable = |error: &dyn fmt::Display| wrong(format!("sslrootcert {root} cannot be read: {error}"));
    for certificate in CertificateDer::pem_file_iter(root).map_err(|error| unreadable(&error))? {
        let certificate = certificate.map_err(|error| unreadable(&error))?;
        roots.add(certificate).map_err(|error| unreadable(&error))?;
    }
    let signed = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
    let signed = signed.map_err(|error| unreadable(&error))?;
    if trust == Trust::Named {
        return Ok(builder()?.with_webpki_verifier(signed).with_no_client_auth());
    }
    let verifier = Lenient { provider: provider.clone(), signed: Some(signed) };
    Ok(builder()?.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

/// Takes a certificate whatever its name is, and whoever signed it unless `signed` says who may have.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    signed: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let Some(signed) = &self.signed else { return Ok(ServerCertVerified::assertion()) };
        match signed.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        Options::parse(url).err().unwrap().to_string()
    }

    #[test]
    fn addresses_are_read_as_libpq_reads_them() {
        let options =
            Options::parse("postgresql://me:secret@db.example:5433/flags?schema=team_a&sslmode=require&connect_timeout=7").unwrap();
        assert_eq!((options.config.get_dbname(), options.config.get_ports(), &*options.schema), (Some("flags"), &[5433][..], "team_a"));
        assert_eq!(options.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(options.config.get_connect_timeout(), Some(&Duration::from_secs(7)));
        let plain = Options::parse("postgres://me@localhost/flags").unwrap();
        assert_eq!((plain.config.get_ssl_mode(), &*plain.schema), (SslMode::Prefer, SCHEMA));
        assert!(Options::parse("postgres://me@localhost/flags?sslmode=verify-full").is_ok());
        assert_eq!(decoded("%2Fetc%2Fca.pem"), "/etc/ca.pem");
    }

    #[test]
    fn what_is_wrong_is_named_and_passwords_are_not() {
        for (url, word) in [
            ("mysql://me:secret@h/d", "postgresql://"),
            ("postgresql://me:secret@h/d?sslmode=maybe", "maybe"),
            ("postgresql://me:secret@h/d?schema=Drop%20it", "schema"),
            ("postgresql://me:secret@h/d?sslmode=verify-ca&sslrootcert=/no/such.pem", "/no/such.pem"),
            ("postgresql://me:secret@h:port/d", "DATABASE_URL"),
        ] {
            let message = refused(url);
            assert!(message.contains(word) && !message.contains("secret"), "{message}");
        }
    }
}
