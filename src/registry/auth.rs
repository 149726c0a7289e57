//! Authentication: the credentials and tokens that a registry is sent.

use super::challenge::Challenge;
use super::client::{Ask, Client, ClientTarget, locked};
use super::endpoints::{Repository, host_and_port};
use super::error::RegistryError;
use super::http::{HttpQuery, RequestBody};
use super::response::ANSWER;
use super::token::{Login, RegistrySecret};
use super::waiting::watched;
use sealift_bundle::value::percent::encoded;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::progress::Progress;
use serde::Deserialize;
use ureq::Body;
use ureq::http::{Method, Response, Uri, header};

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Client {
    /// What to show to a registry that asked with status 401; nothing when there is nothing to show.
    pub(super) fn prove(
        &self,
        target: &ClientTarget,
        response: &Response<Body>,
        scope: &str,
        watch: &dyn Progress,
    ) -> Result<Option<RegistrySecret>, RegistryError> {
        let host = &target.endpoint.host;
        let wrong = |reason: String| RegistryError::Challenge { host: host.clone(), reason };
        let headers = response.headers().get_all(header::WWW_AUTHENTICATE);
        let headers = headers.iter().filter_map(|value| value.to_str().ok());
        let challenge = Challenge::parse(headers).map_err(wrong)?;
        let login = self.login(target, watch)?;
        match challenge {
            Challenge::Basic => Ok(login.as_ref().and_then(Login::basic)),
            Challenge::Bearer { realm, service, scope: asked } => {
                if !target.endpoint.plain && !realm.starts_with("https://") {
                    return Err(wrong("it wants the password sent over plain HTTP".to_owned()));
                }
                if login.is_some() && !self.may_see_password(target, &realm) {
                    let reason = format!(
                        "it wants the password sent over plain HTTP to another host, `{}`; where that is meant to be, \
                         allow it with `--plain-http HOST`",
                        Printable(realm.get(..60).unwrap_or(&realm))
                    );
                    return Err(wrong(reason));
                }
                // Ours says push where push is meant; the registry's may say only what this request needs.
                let scope =
                    asked.filter(|asked| !asked.starts_with("repository:")).unwrap_or(scope.to_owned());
                self.token(target, &realm, [service.as_deref(), Some(&scope)], login.as_ref(), watch)
                    .map(Some)
            }
        }
    }

    /// Over plain HTTP a password goes to the host that it is for, on any port, and to hosts that the operator reaches
    /// without TLS anyway. No other network sees it in the clear because a registry says so.
    fn may_see_password(&self, target: &ClientTarget, realm: &str) -> bool {
        let Ok(uri) = realm.parse::<Uri>() else { return false };
        let Some(authority) = uri.authority() else { return false };
        let authority = authority.as_str();
        uri.scheme_str() == Some("https")
            || host_and_port(authority).0 == host_and_port(&target.endpoint.host).0
            || self.access.is_plain(authority)
    }

    /// Credentials of a mirror are those of the host that is asked.
    fn holder(&self, target: &ClientTarget) -> Repository {
        if self.access.mirrors.contains_key(&target.repository.host) {
            Repository::at(&target.endpoint.host, &target.endpoint.path)
        } else {
            target.repository.clone()
        }
    }

    /// The credentials for a repository; they are looked for once.
    fn login(&self, target: &ClientTarget, watch: &dyn Progress) -> Result<Option<Login>, RegistryError> {
        let repository = self.holder(target);
        if let Some(known) = locked(&self.logins).get(&repository) {
            return Ok(known.clone());
        }
        let login = self.access.credentials.find(&repository, watch)?;
        locked(&self.logins).insert(repository, login.clone());
        Ok(login)
    }

    /// The credentials that were shown, if any were.
    pub(super) fn known_login(&self, target: &ClientTarget) -> Option<Login> {
        locked(&self.logins).get(&self.holder(target)).cloned().flatten()
    }

    fn token(
        &self,
        target: &ClientTarget,
        realm: &str,
        [service, scope]: [Option<&str>; 2],
        login: Option<&Login>,
        watch: &dyn Progress,
    ) -> Result<RegistrySecret, RegistryError> {
        let host = &target.endpoint.host;
        let mut fields = Vec::new();
        fields.extend(scope.map(|scope| ("scope", scope)));
        fields.extend(service.map(|service| ("service", service)));
        let form = |fields: &[(&str, &str)]| {
            let field = |(name, value): &(&str, &str)| format!("{name}={}", encoded(value, b""));
            fields.iter().map(field).collect::<Vec<_>>().join("&")
        };
        let only_tls = !target.endpoint.plain;
        let query = if let Some(Login::Identity(secret)) = login {
            fields.extend([("grant_type", "refresh_token"), ("client_id", "sealift")]);
            fields.push(("refresh_token", secret.expose()));
            let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
            let payload = RequestBody::Bytes(form(&fields).into_bytes());
            HttpQuery { method: Method::POST, headers, payload, ..HttpQuery::get(realm.to_owned(), only_tls) }
        } else {
            let join = if realm.contains('?') { '&' } else { '?' };
            let basic = login.and_then(Login::basic);
            HttpQuery {
                authorization: basic.map(|basic| basic.expose().to_owned()),
                ..HttpQuery::get(format!("{realm}{join}{}", form(&fields)), only_tls)
            }
        };
        let what = "the request for a token";
        let mut response = self.exchange(query, watch)?.map_err(|failure| failure.of(host))?;
        if response.status() != 200 {
            let ask = Ask::new(Method::GET, String::new(), what);
            return Err(self.refused(target, &ask, response));
        }
        let unfit = || RegistryError::Challenge {
            host: host.clone(),
            reason: "what gives its tokens answers with something else".to_owned(),
        };
        let body = watched(watch, move || response.body_mut().with_config().limit(ANSWER).read_to_vec())?;
        let body = body.map_err(|_| unfit())?;
        let token: Token = serde_json::from_slice(&body).map_err(|_| unfit())?;
        let text = token.token.or(token.access_token).filter(|text| !text.is_empty()).ok_or_else(unfit)?;
        Ok(RegistrySecret::new(format!("Bearer {text}")))
    }
}
