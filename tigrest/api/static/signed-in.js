"use strict";

/* Gives the code, with which a login on the page of the gateway ends, to Swagger UI in the window that has opened this one.
   It does what oauth2-redirect.html of swagger-ui-dist does, but that an answer with another state counts for nothing. */

const started = window.opener?.swaggerUIRedirectOauth2;
const told = new URLSearchParams(window.location.search);

if (started && told.get("state") === started.state) {
  const { auth, redirectUrl } = started;
  if (told.get("code")) {
    delete started.state;
    auth.code = told.get("code");
    started.callback({ auth, redirectUrl });
  } else {
    const message = `${told.get("error") ?? "no code"}: ${told.get("error_description") ?? ""}`;
    started.errCb({ authId: auth.name, source: "auth", level: "error", message });
  }
}
window.close();
