"""The WeChat official account (服务号): callback endpoint, answers, late messages, voice and pictures, menu.

The platform's rules and their sources stand in docs/wechat.md. wechatpy parses the XML, decrypts and renders replies;
everything that talks to the platform's API is our own client (`api`). What the bot says is not decided here but in
`chatbot.dialogue`; what a ticket is, is decided in `ticketing`.
"""
