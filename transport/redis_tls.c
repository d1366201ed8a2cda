#include "transport/redis_tls.h"

#ifdef TASTED_HAVE_HIREDIS_SSL

#include "transport/lookup.h"

#include <hiredis/hiredis_ssl.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>

static void init_library(void)
{
    redisInitOpenSSL();
}

/* hiredis by itself checks who signed a certificate, but not whom it is for. */
static bool expect_host(SSL *ssl, const char *host)
{
    if (address_is_numeric(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static SSL *create_session(const char *host)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL)
        return NULL;
    SSL *ssl = NULL;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
        SSL_CTX_set_default_verify_paths(context) == 1)
        ssl = SSL_new(context);
    SSL_CTX_free(context); /* the session keeps it as long as it needs it */
    if (ssl != NULL && !expect_host(ssl, host)) {
        SSL_free(ssl);
        ssl = NULL;
    }
    return ssl;
}

enum status redis_tls_start(redisContext *context, const struct redis_address *address,
                            struct error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (!address->tls)
        return STATUS_OK;
    pthread_once(&once, init_library);
    SSL *ssl = create_session(address->host);
    if (ssl == NULL)
        return error_set(error, STATUS_UNREACHABLE, "TLS cannot be set up");
    if (redisInitiateSSL(context, ssl) == REDIS_OK)
        return STATUS_OK; /* the session is the context's now */
    long verdict = SSL_get_verify_result(ssl);
    SSL_free(ssl);
    return error_set(error, STATUS_UNREACHABLE, "TLS: %s",
                     verdict != X509_V_OK ? X509_verify_cert_error_string(verdict)
                                          : context->errstr);
}

#else

enum status redis_tls_start(redisContext *context, const struct redis_address *address,
                            struct error *error)
{
    (void)context;
    if (!address->tls)
        return STATUS_OK;
    return error_set(error, STATUS_BAD_CONFIG,
                     "built without TLS for Redis"); /* redis_parse told */
}

#endif
