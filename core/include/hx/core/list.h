/* SPDX-License-Identifier: MIT */
/*
 * Doubly linked circular list, intrusive. A node that is on no list points to itself, so
 * hx_list_is_linked() is one load. The head is a node as well.
 *
 *      head <-> a <-> b <-> c <-> head
 */
#ifndef HX_CORE_LIST_H
#define HX_CORE_LIST_H

#include <hx/base.h>

struct hx_list {
	struct hx_list *next, *prev;
};

#define HX_LIST_INIT(name)	{ &(name), &(name) }

/**
 * hx_list_init() - make n a list of its own: an empty head, or a node that is on no list
 * hx_list_push_front(), hx_list_push_back() - put a node that is on no list behind or before head
 * hx_list_remove() - take a node off its list; on none, nothing happens
 * hx_list_first(), hx_list_pop_front() - look at or take off the first node
 * @n:    a node, initialised
 * @head: the list
 *
 * Returns: first and pop_front: the node, or NULL if the list is empty.
 * Context: any.
 * Locks:   the caller's for the list.
 * Owner:   nodes stay the caller's and outlive their time on the list.
 * Cost:    at most 6 loads and stores.
 * Source:  Knuth, TAOCP vol. 1, 2.2.5.
 */
static inline void hx_list_init(struct hx_list *n)
{
	n->next = n;
	n->prev = n;
}

static inline bool hx_list_is_empty(const struct hx_list *head)
{
	return head->next == head;
}

static inline bool hx_list_is_linked(const struct hx_list *n)
{
	return n->next != n;
}

/* prev and next are neighbours. */
static inline void hx_list_insert_between(struct hx_list *n, struct hx_list *prev,
					  struct hx_list *next)
{
	n->prev = prev;
	n->next = next;
	prev->next = n;
	next->prev = n;
}

static inline void hx_list_push_front(struct hx_list *head, struct hx_list *n)
{
	hx_list_insert_between(n, head, head->next);
}

static inline void hx_list_push_back(struct hx_list *head, struct hx_list *n)
{
	hx_list_insert_between(n, head->prev, head);
}

static inline void hx_list_remove(struct hx_list *n)
{
	struct hx_list *next = n->next, *prev = n->prev;

	prev->next = next;
	next->prev = prev;
	hx_list_init(n);
}

/* hx_list_remove() and hx_list_pop_front() (of a list that is not empty) for the hottest paths: the
 * node's own links stay as they were, so hx_list_is_linked() means nothing until it is on a list
 * again. */
static inline void hx_list_unlink(struct hx_list *n)
{
	struct hx_list *next = n->next, *prev = n->prev;

	prev->next = next;
	next->prev = prev;
}

static inline struct hx_list *hx_list_unlink_first(struct hx_list *head)
{
	struct hx_list *n = head->next, *next = n->next;

	head->next = next;
	next->prev = head;
	return n;
}

/* First node, or NULL. */
static inline struct hx_list *hx_list_first(const struct hx_list *head)
{
	return head->next == head ? NULL : head->next;
}

static inline struct hx_list *hx_list_pop_front(struct hx_list *head)
{
	struct hx_list *n = head->next, *next = n->next;

	if (n == head)
		return NULL;
	head->next = next;
	next->prev = head;
	hx_list_init(n);
	return n;
}

#define HX_LIST_ENTRY(node, type, member)	HX_CONTAINER_OF(node, type, member)

/* Walk the nodes; the body must not remove n. The _SAFE form allows removing n. */
#define HX_LIST_FOREACH(n, head) \
	for ((n) = (head)->next; (n) != (head); (n) = (n)->next)
#define HX_LIST_FOREACH_SAFE(n, tmp, head) \
	for ((n) = (head)->next, (tmp) = (n)->next; (n) != (head); (n) = (tmp), (tmp) = (n)->next)

#endif
