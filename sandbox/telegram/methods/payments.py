"""Invoices, checkout and refunds, in Telegram Stars and other currencies."""

from __future__ import annotations

import secrets
from typing import Any

from sandbox.telegram.api import Call, method
from sandbox.telegram.errors import QUERY_TOO_OLD, bad_request
from sandbox.telegram.methods.sending import find_place, write
from sandbox.telegram.world import Json, Payment

CHECKOUT_S = 10  # a bot has so long to answer a pre-checkout query
STARS = "XTR"
PAY_BUTTON = "Pay ⭐️{amount}"


def _read_invoice(call: Call) -> Json:
    """An ``Invoice`` with its payload beside it.

    Raises:
        ApiError: A field out of its limits.
    """
    title, description, payload = call.text("title"), call.text("description"), call.text("payload")
    currency, prices = call.text("currency"), call.structure("prices", "prices")
    if not 1 <= len(title) <= 32:
        raise bad_request("INVOICE_TITLE_INVALID" if title else 'parameter "title" is required')
    if not 1 <= len(description) <= 255:
        raise bad_request("INVOICE_DESCRIPTION_INVALID" if description else 'parameter "description" is required')
    if not 1 <= len(payload.encode()) <= 128:
        raise bad_request("INVOICE_PAYLOAD_INVALID" if payload else 'parameter "payload" is required')
    if not isinstance(prices, list) or not prices:
        raise bad_request("can't parse prices: expected an Array of LabeledPrice")
    if currency == STARS and (len(prices) != 1 or call.has("provider_token")):
        raise bad_request("STARS_INVOICE_INVALID")
    if currency != STARS and not call.has("provider_token"):
        raise bad_request("PAYMENT_PROVIDER_INVALID")
    total = sum(int(price["amount"]) for price in prices)
    if total <= 0:
        raise bad_request("CURRENCY_TOTAL_AMOUNT_INVALID")
    return {
        "title": title,
        "description": description,
        "start_parameter": call.text("start_parameter"),
        "currency": currency,
        "total_amount": total,
        "payload": payload,
    }


def shown_invoice(invoice: Json) -> Json:
    """The ``Invoice`` that stands in a message: without its payload, which is the bot's own."""
    return {name: value for name, value in invoice.items() if name != "payload"}


@method("sendInvoice")
def send_invoice(call: Call) -> Json:
    invoice = _read_invoice(call)
    place = find_place(call)
    button = {"text": PAY_BUTTON.format(amount=invoice["total_amount"]), "pay": True}
    message = write(call, place, {"invoice": shown_invoice(invoice), "reply_markup": {"inline_keyboard": [[button]]}})
    call.world.invoices[f"{place.chat.id}/{message['message_id']}"] = (call.bot.id, invoice)
    return message


@method("createInvoiceLink")
def create_invoice_link(call: Call) -> str:
    slug = secrets.token_urlsafe(12)
    call.world.invoices[slug] = (call.bot.id, _read_invoice(call))
    return f"https://t.me/${slug}"


@method("answerPreCheckoutQuery")
def answer_pre_checkout_query(call: Call) -> bool:
    payment = call.world.payments.get(call.text("pre_checkout_query_id"))
    is_known = payment is not None and payment.bot_id == call.bot.id and payment.answer is None
    if not is_known or payment is None or call.world.clock.time() - payment.asked_at > CHECKOUT_S:
        raise bad_request(QUERY_TOO_OLD)
    is_ok = call.flag("ok")
    if not is_ok and not call.has("error_message"):
        raise bad_request("error message is empty")
    payment.answer = {"answered": True, "ok": is_ok}
    if is_ok:
        _pay(call, payment)
    else:
        payment.answer["error_message"] = call.text("error_message")
    call.world.changes.note()
    return True


def _pay(call: Call, payment: Payment) -> None:
    """Take the money: the person's message about it is what the bot learns of it."""
    payment.charge_id = f"stx{secrets.token_urlsafe(24)}"
    paid: Json = {
        "currency": payment.invoice["currency"],
        "total_amount": payment.invoice["total_amount"],
        "invoice_payload": payment.invoice["payload"],
        "telegram_payment_charge_id": payment.charge_id,
        "provider_payment_charge_id": f"{payment.person.id}_{payment.id}",
    }
    post = call.world.add_post(payment.chat, payment.person.user, {"successful_payment": paid})
    payment.message_id = post.id
    call.bot.updates.add("message", post.message, lane=payment.chat.id)


@method("refundStarPayment")
def refund_star_payment(call: Call) -> bool:
    charge_id = call.text("telegram_payment_charge_id")
    found = [
        payment
        for payment in call.world.payments.values()
        if payment.charge_id == charge_id and payment.person.id == call.user_id()
    ]
    if not charge_id or not found:
        raise bad_request("CHARGE_NOT_FOUND")
    payment = found[0]
    if payment.is_refunded:
        raise bad_request("CHARGE_ALREADY_REFUNDED")
    payment.is_refunded = True
    refunded: Json = {
        "currency": STARS,
        "total_amount": payment.invoice["total_amount"],
        "invoice_payload": payment.invoice["payload"],
        "telegram_payment_charge_id": charge_id,
    }
    post = call.world.add_post(payment.chat, payment.person.user, {"refunded_payment": refunded})
    call.bot.updates.add("message", post.message, lane=payment.chat.id)
    return True


@method("getMyStarBalance")
def get_my_star_balance(call: Call) -> Json:
    kept = [payment for payment in _charged(call) if not payment.is_refunded]
    return {"amount": sum(int(payment.invoice["total_amount"]) for payment in kept)}


@method("getStarTransactions")
def get_star_transactions(call: Call) -> Json:
    transactions: list[Any] = [
        {
            "id": payment.charge_id,
            "amount": payment.invoice["total_amount"],
            "date": int(payment.asked_at),
            "source": {
                "type": "user",
                "transaction_type": "invoice_payment",
                "user": payment.person.user,
                "invoice_payload": payment.invoice["payload"],
            },
        }
        for payment in _charged(call)
    ]
    offset = call.number("offset")
    return {"transactions": transactions[offset : offset + call.number("limit", 100)]}


def _charged(call: Call) -> list[Payment]:
    return [
        payment
        for payment in call.world.payments.values()
        if payment.bot_id == call.bot.id and payment.charge_id is not None and payment.invoice["currency"] == STARS
    ]
