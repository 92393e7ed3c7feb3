#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <base/error.h>
#include <base/memory.h>

#include "broker/edge/http_server.h"
#include "broker/edge/loop.h"
#include "support/fake_clock.h"

enum { ONE_ADDRESS_MAX = 8, LIFE_MS = 10 * 1000, TURNS_MAX = 200 };

static struct fake_clock fake;
static struct loop *loop;
static struct http_server *server;

/* What a client got until the server closed. */
struct client {
	int fd;
	char got[4096];
	size_t size;
	bool closed;
};

static char *echo(void *context, const char *path, bool verbose, int *ret_status)
{
	char text[200];

	(void)context;
	if (strcmp(path, "/nothing") == 0)
		return NULL;
	*ret_status = strcmp(path, "/bad") == 0 ? 503 : 200;
	snprintf(text, sizeof(text), "%s%s", path, verbose ? " verbose" : "");
	return memory_text(text);
}

static int setup(void **state)
{
	struct error err = {0};

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	fake_clock_init(&fake);
	loop = loop_new(&fake.clock, &err);
	server = http_server_new(loop, "127.0.0.1:0", echo, NULL, &err);
	return server ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	http_server_free(server);
	loop_free(loop);
	return 0;
}

static void client_ready(void *context, int fd, uint32_t events)
{
	struct client *client = context;
	ssize_t got = read(fd, client->got + client->size, sizeof(client->got) - 1 - client->size);

	(void)events;
	if (got > 0) {
		client->size += (size_t)got;
		return;
	}
	client->closed = true;
	loop_forget_fd(loop, fd);
	loop_stop(loop);
}

static void client_open(struct client *client)
{
	const char *colon = strrchr(http_server_address(server), ':');
	struct sockaddr_in to = {.sin_family = AF_INET};
	struct error err = {0};

	*client = (struct client){.fd = socket(AF_INET, SOCK_STREAM, 0)};
	to.sin_port = htons((uint16_t)strtol(colon + 1, NULL, 10));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(client->fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_true(loop_watch_fd(loop, client->fd, EPOLLIN, client_ready, client, &err));
}

static void client_send(struct client *client, const char *bytes)
{
	assert_int_equal(send(client->fd, bytes, strlen(bytes), MSG_NOSIGNAL), strlen(bytes));
}

static void client_close(struct client *client)
{
	if (!client->closed)
		loop_forget_fd(loop, client->fd);
	close(client->fd);
}

static void stop_loop(void *context)
{
	(void)context;
	loop_stop(loop);
}

/* Lets the loop do what is to be done now. */
static void take_turns(void)
{
	for (int i = 0; i < 20; i++) {
		struct loop_timer timer = {0};
		struct error err = {0};

		loop_timer_set(loop, &timer, 0, stop_loop, NULL);
		assert_true(loop_run(loop, &err));
		loop_timer_clear(&timer);
	}
}

static void take_turns_until_closed(struct client *client)
{
	for (int i = 0; i < TURNS_MAX && !client->closed; i++)
		take_turns();
	assert_true(client->closed);
}

/* What REQUEST is answered; borrowed until the next call. */
static const char *ask(const char *request)
{
	static struct client client;

	client_open(&client);
	client_send(&client, request);
	take_turns_until_closed(&client);
	client_close(&client);
	return client.got;
}

static void assert_answer(const char *request, const char *status, const char *body)
{
	const char *answer = ask(request);
	const char *end = strstr(answer, "\r\n\r\n");

	if (!end || strncmp(answer, "HTTP/1.1 ", 9) != 0 ||
	    strncmp(answer + 9, status, strlen(status)) != 0 ||
	    (body && strcmp(end + 4, body) != 0))
		fail_msg("%s: %s", request, answer);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

static void http_server__answers_and_closes(void **state)
{
	(void)state;
	assert_answer(GET("/a"), "200 ", "/a");
	assert_answer(GET("/bad"), "503 ", "/bad");
	assert_answer(GET("/nothing"), "404 ", NULL);
	assert_answer("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n", "200 ", "");
	assert_answer(GET("/a") GET("/b"), "200 ", "/a");
	assert_non_null(strstr(ask(GET("/a")), "Cache-Control: no-store\r\n"));
	assert_non_null(strstr(ask(GET("/a")), "X-Content-Type-Options: nosniff\r\n"));
}

static void http_server__knows_one_word_of_the_query(void **state)
{
	(void)state;
	assert_answer(GET("/a?verbose"), "200 ", "/a verbose");
	assert_answer(GET("/a?verbose=1"), "200 ", "/a verbose");
	assert_answer(GET("/a?b&verbose&c=d"), "200 ", "/a verbose");
	assert_answer(GET("/a?verbosely"), "200 ", "/a");
	assert_answer(GET("/a?b=verbose"), "200 ", "/a");
}

static void http_server__takes_no_other_method_and_no_body(void **state)
{
	(void)state;
	assert_answer("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", "405 ", NULL);
	assert_answer("DELETE /a HTTP/1.1\r\nHost: x\r\n\r\n", "405 ", NULL);
	assert_answer("GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", "400 ", NULL);
	assert_answer("GET /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: odd\r\n\r\n", "400 ", NULL);
	assert_answer("GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
		      "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		      "400 ", NULL);
}

static void http_server__takes_no_long_header_and_no_garbage(void **state)
{
	static char request[12000];
	size_t size = (size_t)snprintf(request, sizeof(request), "GET /a HTTP/1.1\r\nX: ");

	(void)state;
	memset(request + size, 'a', 9000);
	memcpy(request + size + 9000, "\r\nHost: x\r\n\r\n", sizeof("\r\nHost: x\r\n\r\n"));
	assert_answer(request, "431 ", NULL);
	assert_answer("GET /a HTTP/1.1\r\n\r\n", "400 ", NULL);
	ask("\r\n\x01\x02\xff\r\n\r\n\r\n");
	assert_answer(GET("/a"), "200 ", "/a");
}

/* Whoever sends a byte now and then is never silent. */
static void http_server__ends_a_connection_that_takes_too_long(void **state)
{
	struct client client;

	(void)state;
	client_open(&client);
	for (int i = 0; i < LIFE_MS / 1000; i++) {
		take_turns();
		assert_false(client.closed);
		client_send(&client, "G");
		fake_clock_advance(&fake, 1000);
	}
	take_turns_until_closed(&client);
	client_close(&client);
}

static void http_server__lets_one_address_have_a_few_connections(void **state)
{
	struct client clients[ONE_ADDRESS_MAX];
	struct client another;

	(void)state;
	for (int i = 0; i < ONE_ADDRESS_MAX; i++)
		client_open(&clients[i]);
	take_turns();
	client_open(&another);
	take_turns_until_closed(&another);
	assert_int_equal(another.size, 0);
	client_close(&another);
	for (int i = 0; i < ONE_ADDRESS_MAX; i++) {
		assert_false(clients[i].closed);
		client_close(&clients[i]);
	}
	take_turns();
	assert_answer(GET("/a"), "200 ", "/a");
}

static void http_server_free__ends_what_is_open(void **state)
{
	struct client client;
	char byte;

	(void)state;
	client_open(&client);
	client_send(&client, "GET /");
	take_turns();
	http_server_free(server);
	server = NULL;
	assert_true(read(client.fd, &byte, 1) <= 0);
	client_close(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(http_server__answers_and_closes),
		TEST(http_server__knows_one_word_of_the_query),
		TEST(http_server__takes_no_other_method_and_no_body),
		TEST(http_server__takes_no_long_header_and_no_garbage),
		TEST(http_server__ends_a_connection_that_takes_too_long),
		TEST(http_server__lets_one_address_have_a_few_connections),
		TEST(http_server_free__ends_what_is_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
