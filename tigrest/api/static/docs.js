"use strict";

/* The document describes what the reader may run: it is loaded with his login, and again when he logs in or out. */

let page = null;

/* Swagger UI encodes a login by btoa(), which takes bytes: those of UTF-8, as servers read them (RFC 7617 §2.1). */
const utf8 = (text) => String.fromCharCode(...new TextEncoder().encode(text));

function loginHeader() {
  const { login, token, oauth } = page.authSelectors.authorized().toJS();
  if (login) return `Basic ${btoa(`${login.value.username}:${login.value.password}`)}`;
  if (token) return `Bearer ${token.value}`;
  return oauth?.token ? `Bearer ${oauth.token.access_token}` : null;
}

const reload = (result) => {
  page.specActions.download(page.specSelectors.url());
  return result;
};

const authorize = (original) => ({ login, ...others }) => {
  if (!login) return reload(original(others));
  const value = { username: utf8(login.value.username), password: utf8(login.value.password) };
  return reload(original({ ...others, login: { ...login, value } }));
};

const authorizeOauth2 = (original) => (payload) => reload(original(payload));

const logout = (original) => (names) => reload(original(names));

const reloads = (system) => {
  page = system.getSystem();
  return { statePlugins: { auth: { wrapActions: { authorize, authorizeOauth2, logout } } } };
};

const ui = SwaggerUIBundle({
  url: "openapi.json",
  oauth2RedirectUrl: new URL("docs/signed-in", document.baseURI).href,
  dom_id: "#swagger-ui",
  deepLinking: true,
  filter: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  validatorUrl: null,
  plugins: [reloads],
  requestInterceptor: (request) => {
    const login = request.loadSpec ? loginHeader() : null;
    if (login) request.headers.Authorization = login;
    return request;
  },
});

ui.initOAuth({ usePkceWithAuthorizationCodeGrant: true, scopes: "user admin rest" });
