// Shows the OpenAPI document; calls tried from the page carry the session's CSRF token.
(() => {
  "use strict";
  const place = document.getElementById("api-docs");
  const unsafe = new Set(["POST", "PUT", "PATCH", "DELETE"]);
  window.SwaggerUIBundle({
    url: place.dataset.schemaUrl,
    domNode: place,
    deepLinking: true,
    validatorUrl: null,
    requestInterceptor(request) {
      const isOurs = new URL(request.url, location.href).origin === location.origin;
      if (isOurs && unsafe.has((request.method || "GET").toUpperCase())) {
        request.headers["X-CSRFToken"] = place.dataset.csrfToken;
      }
      return request;
    },
  });
})();
