"""The provider's service: submit, poll, download, cancel, list. Loads httpx only when something is to be sent."""

from wanflow.backends.dashscope.client import DashScope
from wanflow.backends.dashscope.ticket import Ticket

__all__ = ["DashScope", "Ticket"]
