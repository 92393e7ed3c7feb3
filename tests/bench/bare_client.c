/* bare_client - makes the API calls of a plan with libcurl, and does nothing else.
 *
 *     bare_client [--read] PLAN < requests
 *
 * It is what the broker is measured against: the same calls in the same order, over as many
 * connections of the same kind, with neither stores nor watches nor JSON. With --read it parses
 * each reply and follows the plan's watches, and still keeps nothing: no controller that reads
 * with the same library can do with less. Each line of its input,
 * "INDEX UID MEMBER", is a request that it makes a credential for. Each credential is a line of
 * its output, "INDEX SECONDS". It ends when its input has ended and all is done.
 *
 * Lines of PLAN, their fields between tabs:
 *
 * peer SERVER CA_FILE TOKEN_FILE CONNECTIONS: the hub; for each member itself, then its proofs
 *
 * call PEER METHOD PATH CONTENT_TYPE ACCEPT STATUS ASIDE BODY: PEER is hub, member or proof
 *
 * watch SERVER_PATH: on the hub, from the newest version on; only with --read
 *
 * A call that is aside is waited for by nobody but the end. In PATH and BODY stand @i@ for the
 * index, @u@ for the UID, and @uN@ and @vN@ for the UID and the resourceVersion in the reply to
 * call N. A proof is made with the token that came before it. */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <base/memory.h>
#include <base/text.h>

#include "bare_reader.h"

enum {
	CALLS_MAX = 32,
	PEERS_MAX = 9,
	HEADERS_MAX = 5,
	FILE_SIZE_MAX = 1 << 20,
	REPLY_MAX = 1 << 20,
	VALUE_MAX = 64,
	INPUT_MAX = 1 << 16,
	CONNECTIONS_MAX = 256,
};

struct call {
	const char *peer, *method, *path, *content_type, *accept;
	long status;
	bool aside;
	const char *body;
};

/* What later calls need of a reply. */
struct value {
	char uid[VALUE_MAX];
	char version[VALUE_MAX];
};

struct credential {
	struct credential *next;
	char index[VALUE_MAX];
	char uid[VALUE_MAX];
	size_t member;
	int64_t begun_us;
	size_t open; /* calls that were asked for and have not ended */
	struct value values[CALLS_MAX];
	char *token;
};

/* A call that a credential is waiting for. */
struct task {
	struct task *next;
	struct credential *credential;
	size_t call;
};

struct peer {
	char *server, *ca_pem, *authorization;
	struct task *first, **end;
	struct slot *idle;
};

/* One connection's worth of work: a handle that is used again and again. */
struct slot {
	struct slot *next;
	struct peer *peer;
	CURL *easy;
	struct curl_slist *headers;
	struct task *task;
	struct text url, body, reply;
};

static struct call calls[CALLS_MAX];
static size_t call_count;
static struct peer peers[PEERS_MAX];
static size_t peer_count;
static CURLM *multi;
static size_t credentials_open;
static bool input_ended;
static bool reading;

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("bare_client: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static char *read_file(const char *path)
{
	struct text text = text_with_max(FILE_SIZE_MAX);
	FILE *file = fopen(path, "r");
	char piece[4096];
	size_t size;

	if (!file)
		fail("%s: %s", path, strerror(errno));
	while ((size = fread(piece, 1, sizeof(piece), file)) > 0)
		text_append_bytes(&text, piece, size);
	fclose(file);
	return text_take(&text);
}

static void finish_credential(struct credential *credential)
{
	printf("%s %.6f\n", credential->index, (double)(now_us() - credential->begun_us) / 1e6);
	fflush(stdout);
}

/* The string behind the first KEY of a reply. */
static bool copy_value(const char *reply, const char *key, char target[VALUE_MAX])
{
	const char *begin = strstr(reply, key);
	size_t size = begin ? strcspn(begin + strlen(key), "\"") : 0;

	if (!begin || size >= VALUE_MAX)
		return false;
	memcpy(target, begin + strlen(key), size);
	target[size] = '\0';
	return true;
}

static void keep_values(struct credential *credential, size_t call, const char *reply)
{
	static const char token_key[] = "\"token\":\"";
	struct value *value = &credential->values[call];
	const char *token = strstr(reply, token_key);

	copy_value(reply, "\"uid\":\"", value->uid);
	copy_value(reply, "\"resourceVersion\":\"", value->version);
	if (token && !credential->token) {
		token += strlen(token_key);
		credential->token = memory_bytes(token, strcspn(token, "\""));
	}
}

/* What stands for the mark at MARK, which ends with '@'. */
static const char *value_of(const struct credential *credential, const char *mark)
{
	char *end;
	unsigned long number;

	if (mark[0] == 'i')
		return credential->index;
	if (mark[0] == 'u' && mark[1] == '@')
		return credential->uid;
	number = strtoul(mark + 1, &end, 10);
	if (number >= call_count || *end != '@')
		fail("the plan has an unknown mark: %.8s", mark);
	return mark[0] == 'u' ? credential->values[number].uid : credential->values[number].version;
}

static void fill(struct text *text, const char *template, const struct credential *credential)
{
	const char *mark;

	while ((mark = strchr(template, '@')) != NULL) {
		text_append_bytes(text, template, (size_t)(mark - template));
		text_append(text, value_of(credential, mark + 1));
		template = strchr(mark + 1, '@') + 1;
	}
	text_append(text, template);
}

static struct peer *peer_of(const struct credential *credential, const char *name)
{
	if (name[0] == 'h')
		return &peers[0];
	return &peers[1 + 2 * credential->member + (name[0] == 'p' ? 1 : 0)];
}

static size_t take_reply(char *bytes, size_t size, size_t count, void *slot)
{
	text_append_bytes(&((struct slot *)slot)->reply, bytes, size * count);
	return size * count;
}

static void add_header(struct slot *slot, const char *name, const char *value)
{
	struct text line = text_with_max(FILE_SIZE_MAX);

	text_append(&line, name);
	text_append(&line, value);
	slot->headers = curl_slist_append(slot->headers, text_chars(&line));
	text_done(&line);
}

static void set_headers(struct slot *slot, const struct call *call)
{
	const char *token = slot->task->credential->token;

	curl_slist_free_all(slot->headers);
	slot->headers = curl_slist_append(NULL, "Expect:");
	add_header(slot, "Accept: ", call->accept);
	if (call->content_type[0])
		add_header(slot, "Content-Type: ", call->content_type);
	if (call->peer[0] != 'p')
		slot->headers = curl_slist_append(slot->headers, slot->peer->authorization);
	else
		add_header(slot, "Authorization: Bearer ", token ? token : "none");
	curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers);
}

static void clear(struct text *text)
{
	text_done(text);
	*text = text_with_max(REPLY_MAX);
}

static void send_task(struct slot *slot, struct task *task)
{
	const struct call *call = &calls[task->call];

	slot->task = task;
	clear(&slot->url);
	clear(&slot->body);
	clear(&slot->reply);
	text_append(&slot->url, slot->peer->server);
	fill(&slot->url, call->path, task->credential);
	fill(&slot->body, call->body, task->credential);
	set_headers(slot, call);
	curl_easy_setopt(slot->easy, CURLOPT_URL, text_chars(&slot->url));
	if (slot->body.size > 0) {
		curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE, (long)slot->body.size);
		curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, text_chars(&slot->body));
	} else {
		curl_easy_setopt(slot->easy, CURLOPT_HTTPGET, 1L);
	}
	curl_easy_setopt(slot->easy, CURLOPT_CUSTOMREQUEST, call->method);
	if (curl_multi_add_handle(multi, slot->easy) != CURLM_OK)
		fail("libcurl takes no call");
}

static void serve(struct peer *peer)
{
	while (peer->first && peer->idle) {
		struct task *task = peer->first;
		struct slot *slot = peer->idle;

		peer->first = task->next;
		if (!peer->first)
			peer->end = &peer->first;
		peer->idle = slot->next;
		send_task(slot, task);
	}
}

static void ask(struct credential *credential, size_t call)
{
	struct peer *peer = peer_of(credential, calls[call].peer);
	struct task *task = memory_new(sizeof(*task));

	*task = (struct task){.credential = credential, .call = call};
	credential->open++;
	*peer->end = task;
	peer->end = &task->next;
	serve(peer);
}

static void go_on(struct credential *credential, size_t call)
{
	for (; call < call_count; call++) {
		ask(credential, call);
		if (!calls[call].aside)
			return;
	}
	finish_credential(credential);
}

static void task_ended(struct slot *slot, CURLcode code)
{
	struct task *task = slot->task;
	struct credential *credential = task->credential;
	const struct call *call = &calls[task->call];
	size_t index = task->call;
	long status = 0;

	curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK || status != call->status)
		fail("%s %s: %s, status %ld: %.300s", call->method, text_chars(&slot->url),
		     curl_easy_strerror(code), status, text_chars(&slot->reply));
	if (reading && !bare_reader_parse(text_chars(&slot->reply), slot->reply.size))
		fail("%s %s: the reply is no JSON", call->method, text_chars(&slot->url));
	keep_values(credential, index, text_chars(&slot->reply));
	memory_free(task);
	curl_multi_remove_handle(multi, slot->easy);
	slot->next = slot->peer->idle;
	slot->peer->idle = slot;
	serve(slot->peer);
	if (!call->aside)
		go_on(credential, index + 1);
	if (--credential->open > 0)
		return;
	memory_free(credential->token);
	memory_free(credential);
	credentials_open--;
}

static void reap(void)
{
	const CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(multi, &left)) != NULL) {
		struct slot *slot = NULL;

		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&slot);
		if (!slot->task)
			fail("a watch has ended: %s", curl_easy_strerror(message->data.result));
		task_ended(slot, message->data.result);
	}
}

static void begin_credential(const char *line)
{
	struct credential *credential = memory_new(sizeof(*credential));

	if (sscanf(line, "%63s %63s %zu", credential->index, credential->uid,
		   &credential->member) != 3 ||
	    1 + 2 * credential->member >= peer_count)
		fail("not a request: %s", line);
	credential->begun_us = now_us();
	credentials_open++;
	go_on(credential, 0);
}

static void read_input(void)
{
	static char input[INPUT_MAX];
	static size_t input_size;
	ssize_t size = read(STDIN_FILENO, input + input_size, sizeof(input) - 1 - input_size);
	char *line = input;
	char *end;

	if (size < 0 && errno == EAGAIN)
		return;
	input_ended = size <= 0;
	input_size += size > 0 ? (size_t)size : 0;
	input[input_size] = '\0';
	while ((end = strchr(line, '\n')) != NULL) {
		*end = '\0';
		begin_credential(line);
		line = end + 1;
	}
	input_size -= (size_t)(line - input);
	memmove(input, line, input_size);
}

static void run(void)
{
	int running;

	while (!input_ended || credentials_open > 0) {
		struct curl_waitfd input = {.fd = STDIN_FILENO, .events = CURL_WAIT_POLLIN};

		curl_multi_perform(multi, &running);
		reap();
		curl_multi_perform(multi, &running);
		if (input_ended && credentials_open == 0)
			return;
		curl_multi_poll(multi, &input, input_ended ? 0 : 1, 1000, NULL);
		if (!input_ended)
			read_input();
	}
}

static CURL *easy_new(struct slot *slot)
{
	CURL *easy = curl_easy_init();
	struct curl_blob ca = {.data = slot->peer->ca_pem,
			       .len = strlen(slot->peer->ca_pem),
			       .flags = CURL_BLOB_NOCOPY};

	curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &ca);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "bare_client");
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_reply);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
	return easy;
}

static void add_peer(char *fields[])
{
	struct peer *peer = &peers[peer_count];
	struct text line = text_with_max(FILE_SIZE_MAX);

	if (peer_count++ == PEERS_MAX)
		fail("too many peers");
	peer->server = fields[1];
	peer->ca_pem = read_file(fields[2]);
	text_append(&line, "Authorization: Bearer ");
	char *token = read_file(fields[3]);
	text_append(&line, token);
	memory_free(token);
	peer->authorization = text_take(&line);
	peer->end = &peer->first;
	for (long left = strtol(fields[4], NULL, 10); left > 0; left--) {
		struct slot *slot = memory_new(sizeof(*slot));

		*slot = (struct slot){.next = peer->idle, .peer = peer};
		slot->easy = easy_new(slot);
		peer->idle = slot;
	}
}

static void add_call(char *fields[])
{
	if (call_count == CALLS_MAX)
		fail("too many calls");
	calls[call_count++] = (struct call){
		.peer = fields[1],
		.method = fields[2],
		.path = fields[3],
		.content_type = fields[4],
		.accept = fields[5],
		.status = strtol(fields[6], NULL, 10),
		.aside = fields[7][0] == '1',
		.body = fields[8],
	};
}

static void add_watch(char *fields[])
{
	if (!reading)
		return;

	struct slot *slot = memory_new(sizeof(*slot));
	*slot = (struct slot){.peer = &peers[0], .url = text_with_max(REPLY_MAX)};
	slot->easy = easy_new(slot);
	text_append(&slot->url, slot->peer->server);
	text_append(&slot->url, fields[1]);
	slot->headers = curl_slist_append(NULL, slot->peer->authorization);
	curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers);
	curl_easy_setopt(slot->easy, CURLOPT_URL, text_chars(&slot->url));
	bare_reader_follow(slot->easy);
	if (curl_multi_add_handle(multi, slot->easy) != CURLM_OK)
		fail("libcurl takes no watch");
}

static void read_plan(const char *path)
{
	char *plan = read_file(path); /* what is read of it points into it */
	char *line;

	while ((line = strsep(&plan, "\n")) != NULL && line[0] != '\0') {
		char *fields[9] = {NULL};
		size_t count = 0;
		while (count < 9 && line)
			fields[count++] = strsep(&line, "\t");
		if (count == 5)
			add_peer(fields);
		else if (count == 9)
			add_call(fields);
		else if (count == 2)
			add_watch(fields);
		else
			fail("a line of the plan has %zu fields", count);
	}
}

int main(int count, char *arguments[])
{
	reading = count == 3 && strcmp(arguments[1], "--read") == 0;
	if (count != (reading ? 3 : 2))
		fail("usage: bare_client [--read] PLAN");
	curl_global_init(CURL_GLOBAL_DEFAULT);
	multi = curl_multi_init();
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
	read_plan(arguments[count - 1]);
	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	run();
	return 0;
}
