//! Who asks: what a registry is shown when it wants to know.

use super::access::Repository;
use super::answer::{ANSWER, reason};
use super::challenge::Challenge;
use super::client::{Ask, Client, Target, locked, unreachable_host};
use super::error::RegistryError;
use super::secrets::{Login, Secret};
use serde::Deserialize;
use ureq::Body;
use ureq::http::{Method, Response, header};

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Client {
    /// What to show to a registry that asked with status 401; nothing when there is nothing to show.
    pub(super) fn prove(
        &self,
        target: &Target,
        response: &Response<Body>,
        scope: &str,
    ) -> Result<Option<Secret>, RegistryError> {
        let host = &target.endpoint.host;
        let wrong = |reason: String| RegistryError::Challenge { host: host.clone(), reason };
        let headers = response.headers().get_all(header::WWW_AUTHENTICATE);
        let headers = headers.iter().filter_map(|value| value.to_str().ok());
        let challenge = Challenge::parse(headers).map_err(wrong)?;
        let login = self.login(target)?;
        match challenge {
            Challenge::Basic => Ok(login.as_ref().and_then(Login::basic)),
            Challenge::Bearer { realm, service, scope: asked } => {
                if !target.endpoint.plain && !realm.starts_with("https://") {
                    return Err(wrong("it wants the password sent over plain HTTP".to_owned()));
                }
                // Ours says push where push is meant; the registry's may say only what this request needs.
                let scope =
                    asked.filter(|asked| !asked.starts_with("repository:")).unwrap_or(scope.to_owned());
                self.token(target, &realm, service.as_deref(), &scope, login.as_ref()).map(Some)
            }
        }
    }

    pub(super) fn login(&self, target: &Target) -> Result<Option<Login>, RegistryError> {
        // Credentials of a mirror are those of the host that is asked.
        let repository = if self.access.mirrors.contains_key(&target.repository.host) {
            Repository::at(&target.endpoint.host, &target.endpoint.path)
        } else {
            target.repository.clone()
        };
        if let Some(known) = locked(&self.logins).get(&repository) {
            return Ok(known.clone());
        }
        let login = self.access.credentials.find(&repository)?;
        locked(&self.logins).insert(repository, login.clone());
        Ok(login)
    }

    fn token(
        &self,
        target: &Target,
        realm: &str,
        service: Option<&str>,
        scope: &str,
        login: Option<&Login>,
    ) -> Result<Secret, RegistryError> {
        let host = &target.endpoint.host;
        let agent = if target.endpoint.plain { &self.plain } else { &self.secure };
        let mut fields = vec![("scope", scope.to_owned())];
        fields.extend(service.map(|service| ("service", service.to_owned())));
        let outcome = match login {
            Some(Login::Identity(secret)) => {
                fields.push(("grant_type", "refresh_token".to_owned()));
                fields.push(("client_id", "sealift".to_owned()));
                fields.push(("refresh_token", secret.expose().to_owned()));
                agent.post(realm).send_form(fields)
            }
            Some(Login::Password { .. }) | None => {
                let mut request = agent.get(realm);
                for (name, value) in &fields {
                    request = request.query(name, value);
                }
                if let Some(basic) = login.and_then(Login::basic) {
                    request = request.header(header::AUTHORIZATION, basic.expose());
                }
                request.call()
            }
        };
        let what = "the request for a token";
        let mut response = outcome.map_err(|error| unreachable_host(host, reason(&error)))?;
        if response.status() != 200 {
            let ask = Ask::new(Method::GET, String::new(), what);
            return Err(self.refused(target, &ask, response));
        }
        let unfit = || RegistryError::Challenge {
            host: host.clone(),
            reason: "what gives its tokens answers with something else".to_owned(),
        };
        let body = response.body_mut().with_config().limit(ANSWER).read_to_vec().map_err(|_| unfit())?;
        let token: Token = serde_json::from_slice(&body).map_err(|_| unfit())?;
        let text = token.token.or(token.access_token).filter(|text| !text.is_empty()).ok_or_else(unfit)?;
        Ok(Secret::new(format!("Bearer {text}")))
    }
}
