"use strict";

/* The document describes what the reader may run: it is loaded with his login, and again when he logs in or out. */

function loginOf(system) {
  const given = system.authSelectors.authorized().toJS().login;
  if (!given) return null;
  const bytes = new TextEncoder().encode(`${given.value.username}:${given.value.password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

const reload = (original, system) => (...values) => {
  const result = original(...values);
  system.specActions.download(system.specSelectors.url());
  return result;
};

const ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  filter: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  validatorUrl: null,
  plugins: [() => ({ statePlugins: { auth: { wrapActions: { authorize: reload, logout: reload } } } })],
  requestInterceptor: (request) => {
    const login = request.loadSpec ? loginOf(ui.getSystem()) : null;
    if (login) request.headers.Authorization = login;
    return request;
  },
});
